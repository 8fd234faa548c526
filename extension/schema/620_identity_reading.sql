-- Names are found by any part of them, as written and as read: an index over the beginnings that somebody may type.
CREATE INDEX customer_private_name ON crm.customer_private USING gin (array_to_tsvector(crm._identity_name_parts(name_search)));
