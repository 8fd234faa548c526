-- What an occurrence did besides coupon, message, task and gifts, each for itself: notices to staff, entries into an advertising
-- platform's list, tags, further flows.
CREATE TABLE crm.occurrence_act (
    customer_id bigint NOT NULL,
    flow_id int NOT NULL,
    epoch int NOT NULL,
    occurrence_key text NOT NULL,
    act text NOT NULL CHECK (act IN ('notice', 'audience', 'give_tag', 'take_tag', 'enrol')),
    target text NOT NULL,               -- endpoint, list, tag, flow
    acted_at timestamptz NOT NULL,
    message_id text,                    -- what was sent of it; null: nothing was to be sent, or it could not be done
    reason text,                        -- why it was not done; null: it was
    PRIMARY KEY (customer_id, flow_id, epoch, occurrence_key, act, target));
SELECT crm._access_protect_person('crm.occurrence_act');
-- Who holds which place of a quota.  While its message may still be cancelled, the place may come back.
CREATE TABLE crm.flow_quota_place (
    customer_id bigint NOT NULL,
    flow_id int NOT NULL,
    epoch int NOT NULL,
    occurrence_key text NOT NULL,
    message_id text,                    -- null: nothing is sent
    is_open boolean NOT NULL,
    PRIMARY KEY (customer_id, flow_id, epoch, occurrence_key));
CREATE INDEX flow_quota_place_open ON crm.flow_quota_place (flow_id, epoch) WHERE is_open;
SELECT crm._access_protect_person('crm.flow_quota_place');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('campaign.quotas', 'SELECT crm._campaign_quotas()', '5 seconds', 64, 'epoch');
