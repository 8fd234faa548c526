-- Where somebody was when an event happened: not kept unless the house wants it and the person agreed, and then for a short time.
CREATE TABLE crm.event_place (
    source_record_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id bigint NOT NULL,
    latitude numeric(8, 5) NOT NULL,
    longitude numeric(8, 5) NOT NULL,
    PRIMARY KEY (source_record_id, occurred_at, event_id));
CREATE INDEX event_place_time ON crm.event_place (occurred_at);
SELECT crm._access_protect_closed('crm.event_place');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('event.place_days', '0', 'days for which positions of events are kept, of persons who agreed (consent location); 0: positions are not kept'),
    ('event.place_digits', '3', 'decimals of degrees that are kept of a position, 0 to 5; 3 are some hundred metres');
INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES ('event.places', 'SELECT crm._ingest_places_job()', '10 minutes', 60, 'epoch');
