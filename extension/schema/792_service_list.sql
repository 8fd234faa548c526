-- Tickets that are settled are listed from the newest on, a page at a time.
CREATE INDEX ticket_resolved ON crm.ticket (resolved_at DESC, ticket_id) WHERE state = 'resolved';
