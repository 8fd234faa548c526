-- Messages to an address that is nobody's yet: asked for by whoever holds it, outside of every gate, gone soon after.
CREATE TABLE crm.outbox_guest (
    message_id text PRIMARY KEY,
    address_sealed bytea NOT NULL,
    body_sealed bytea NOT NULL,             -- what is said may be a secret: in crm.outbox stands nothing of it
    expires_at timestamptz NOT NULL);
CREATE INDEX outbox_guest_expires ON crm.outbox_guest (expires_at);
SELECT crm._access_protect_closed('crm.outbox_guest');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('outbox.guests', 'SELECT crm._outbox_forget_guests()', '10 minutes', 62, 'epoch');

-- What a customer's own phone is told to prove that it is theirs.
INSERT INTO crm.template (template, channel, body) VALUES
    ('join_check', 'sms', '{{code}}是您的入会验证码，{{minutes}}分钟内有效，请勿告诉他人。');
