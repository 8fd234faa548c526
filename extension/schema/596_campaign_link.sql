-- Links in messages: a short address of the house that leads to where the flow says, and tells that it was followed.
CREATE TABLE crm.message_link (
    customer_id bigint NOT NULL,
    token text NOT NULL,                -- 64 bits of a keyed hash of the message's id, and the customer id under a key: it leads here and tells nothing
    message_id text NOT NULL,
    target text NOT NULL,               -- as the flow had it when the message was put
    expires_at timestamptz NOT NULL,
    clicks int NOT NULL DEFAULT 0,
    first_click_at timestamptz,
    last_click_at timestamptz,
    PRIMARY KEY (customer_id, token)) WITH (fillfactor = 90);
CREATE INDEX message_link_expires ON crm.message_link (expires_at);
SELECT crm._access_protect_closed('crm.message_link');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.link_base', '""', 'where the gateway is reached from outside, for links in messages: https://crm.example'),
    ('campaign.link_keep_days', '30', 'how long an expired link is kept, to tell its follower that it is over');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('campaign.links', 'SELECT crm._campaign_drop_links()', '1 day', '03:50', 63, crm._worker_next_daily('03:50'));
