-- Who brought whom: both are rewarded after the goal.
CREATE TABLE crm.referral_programme (
    programme text PRIMARY KEY,
    programme_no int NOT NULL UNIQUE CHECK (programme_no > 0),      -- in the codes that persons pass on
    name_zh text NOT NULL,
    name_en text NOT NULL,
    goal jsonb NOT NULL,                -- what the one who came has to do, a rule about the person
    goal_days int NOT NULL DEFAULT 90 CHECK (goal_days BETWEEN 1 AND 3660),     -- within so many days
    hold_days int NOT NULL DEFAULT 0 CHECK (hold_days BETWEEN 0 AND 366),       -- asked again so many days later: refunds
    new_days int NOT NULL DEFAULT 30 CHECK (new_days BETWEEN 0 AND 3660),       -- who registered longer ago is no new member
    referrer_limit int CHECK (referrer_limit > 0),                  -- rewards of one referrer; null: no limit
    joined_referrer_gifts jsonb NOT NULL DEFAULT '[]',              -- at once, as the new member gives the code
    joined_gifts jsonb NOT NULL DEFAULT '[]',
    referrer_gifts jsonb NOT NULL DEFAULT '[]',                     -- after the goal, both sides in one commit
    gifts jsonb NOT NULL DEFAULT '[]',
    is_active boolean NOT NULL DEFAULT true);
CREATE TABLE crm.referral (
    customer_id bigint NOT NULL,        -- who came, under the id of then
    programme text NOT NULL REFERENCES crm.referral_programme,
    referrer_id bigint NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'reached', 'rewarded', 'refused', 'lapsed')),
    reached_at timestamptz,
    ended_at timestamptz,
    reason text,
    PRIMARY KEY (customer_id, programme));
CREATE INDEX referral_referrer ON crm.referral (referrer_id);
CREATE INDEX referral_reached ON crm.referral (reached_at) WHERE state = 'reached';
CREATE INDEX referral_pending ON crm.referral (at) WHERE state = 'pending';

-- Draws that anyone can repeat: a seed fixed and published as its hash before the first ticket, the list of tickets
-- fixed and published as its hash before the draw, the seed published with the draw.
CREATE TABLE crm.lottery (
    lottery text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    condition jsonb,                    -- who may take part, a rule; null: everybody
    tickets_per_person int NOT NULL DEFAULT 1 CHECK (tickets_per_person BETWEEN 1 AND 1000),
    prizes jsonb NOT NULL,              -- [{"name", "count", "gifts"}], the first is the best
    entropy_source text,                -- what public number is drawn with, that nobody knows before: named at the opening
    closes_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'closed', 'drawn')),
    seed_sealed bytea,
    commitment text,                    -- SHA-256 of the seed's text, in hex
    opened_at timestamptz,
    closed_at timestamptz,
    tickets bigint,
    list_hash text,                     -- SHA-256 of the lines "ticket holder"
    drawn_at timestamptz,
    entropy text,
    seed text);
CREATE TABLE crm.lottery_ticket (
    customer_id bigint NOT NULL,
    lottery text NOT NULL REFERENCES crm.lottery,
    cause text NOT NULL,                -- once a cause: claim:n, or the gift that it is
    ticket text NOT NULL,
    holder text,                        -- a name for the person of that moment, when the list was closed
    at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, lottery, cause));
CREATE INDEX lottery_ticket_list ON crm.lottery_ticket (lottery, ticket);
CREATE TABLE crm.lottery_prize (
    customer_id bigint NOT NULL,
    lottery text NOT NULL REFERENCES crm.lottery,
    place int NOT NULL,
    ticket text NOT NULL,
    prize text NOT NULL,
    PRIMARY KEY (customer_id, lottery, place));

INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES
    ('loyalty.referrals', 'SELECT crm._loyalty_referrals_due()', '5 seconds', 46, 'epoch'),
    ('loyalty.lotteries', 'SELECT crm._loyalty_lotteries_due()', '1 minute', 47, 'epoch');
SELECT crm._access_open('crm.referral_programme');
SELECT crm._access_protect_closed('crm.lottery');
SELECT crm._access_protect_person('crm.referral');
SELECT crm._access_protect_person('crm.lottery_ticket');
SELECT crm._access_protect_person('crm.lottery_prize');
