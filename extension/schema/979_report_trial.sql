-- Trial offers: what became of the coupons of a type a night adds up (crm.report_group, kind offer); what their holders said of it is asked by this index.
CREATE INDEX event_offer ON crm.event ((properties ->> 'offer'), received_at) WHERE type = 'feedback' AND properties ? 'offer';
UPDATE crm.event_type SET properties = properties || '{"offer": "text"}' WHERE code = 'feedback';
