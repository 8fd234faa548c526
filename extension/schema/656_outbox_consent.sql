-- What each person said last about each channel: of each record the last word, of these a single no is a no. Kept with
-- crm.consent, in the same commit, so that questions about everybody need not put records together.
CREATE TABLE crm.person_consent (
    customer_id bigint NOT NULL,
    channel text NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,         -- the newest of the words it was made of: it answers as of any day from that one on
    PRIMARY KEY (customer_id, channel)) WITH (fillfactor = 90);
CREATE INDEX person_consent_since ON crm.person_consent (since);
SELECT crm._access_protect_closed('crm.person_consent');
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec || '{"kept": {"relation": "crm.person_consent", "key": "customer_id", "since": "since"}}')
FROM crm.rule_source s WHERE s.kind = 'consent';
