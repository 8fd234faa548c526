-- What was promised to a person for a cause and given once: the key of everything that levels, badges,
-- referrals and draws hand out.  Under the customer id of then, for ever: it is asked for under all ids.
CREATE TABLE crm.gift (
    customer_id bigint NOT NULL,
    cause_kind text NOT NULL CHECK (cause_kind IN ('level', 'badge', 'referral', 'lottery', 'flow')),
    cause_key text NOT NULL,
    gift_no int NOT NULL,
    gift jsonb NOT NULL,                -- {"coupon": type}, {"points": n, "valid_days": n} or {"ticket": lottery}
    promised_at timestamptz NOT NULL,
    given_at timestamptz,               -- null: the pool of its codes was empty; the job tries again
    PRIMARY KEY (customer_id, cause_kind, cause_key, gift_no));
CREATE INDEX gift_owed ON crm.gift (promised_at) WHERE given_at IS NULL;

-- Levels of membership, lowest first: reached by a rule, kept by a rule.
CREATE TABLE crm.level (
    level text PRIMARY KEY,
    position int NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    reach jsonb NOT NULL,               -- who comes to it, a rule about the person
    keep jsonb,                         -- who stays when keep_days are over; null: who would come to it
    keep_days int CHECK (keep_days BETWEEN 1 AND 3660),     -- null: never lost
    on_loss text NOT NULL DEFAULT 'one_down' CHECK (on_loss IN ('one_down', 'reached')),
    gifts jsonb NOT NULL DEFAULT '[]',
    unlocks text[] NOT NULL DEFAULT '{}',   -- names of what is open to its holders: menus, hotlines, rooms
    is_active boolean NOT NULL DEFAULT true);

-- On the record by which the person came to it, so that it goes where the record goes.
CREATE TABLE crm.level_held (
    source_record_id bigint PRIMARY KEY,
    level text NOT NULL REFERENCES crm.level,
    since timestamptz NOT NULL,
    keep_until timestamptz NOT NULL);   -- infinity: never lost
-- The best of a person's records: kept in the transaction that changes it.
CREATE TABLE crm.member_level (
    customer_id bigint PRIMARY KEY,
    level text NOT NULL REFERENCES crm.level,
    position int NOT NULL,
    since timestamptz NOT NULL,
    keep_until timestamptz NOT NULL);
CREATE INDEX member_level_due ON crm.member_level (keep_until) WHERE keep_until < 'infinity';
CREATE TABLE crm.level_change (
    customer_id bigint NOT NULL,
    change_id bigint NOT NULL,
    at timestamptz NOT NULL,
    from_level text,
    to_level text,
    reason text NOT NULL,               -- reached, quiet, lost, hand, merge, unmerge, split, attach
    actor text NOT NULL,
    PRIMARY KEY (customer_id, change_id));

CREATE TABLE crm.badge (
    badge text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    reach jsonb NOT NULL,
    gifts jsonb NOT NULL DEFAULT '[]',
    unlocks text[] NOT NULL DEFAULT '{}',
    is_lost_by_refund boolean NOT NULL DEFAULT false,   -- its rule must go on to hold; false: earned is earned
    is_active boolean NOT NULL DEFAULT true);
CREATE TABLE crm.badge_held (
    source_record_id bigint NOT NULL,
    badge text NOT NULL REFERENCES crm.badge,
    earned_at timestamptz NOT NULL,
    withdrawn_at timestamptz,           -- comes back when the rule holds again, without its gifts
    PRIMARY KEY (source_record_id, badge));

INSERT INTO crm.level (level, position, name_zh, name_en, reach, keep_days, unlocks, is_active) VALUES
    ('fan', 10, '美妆达人', 'enthusiast', '{"kind": "purchase", "measure": "sum", "days": 365, "op": ">=", "value": 1000}', 365, '{}', false),
    ('adviser', 20, '时尚顾问', 'adviser', '{"kind": "purchase", "measure": "sum", "days": 365, "op": ">=", "value": 3000}', 365, '{hotline}', false),
    ('ambassador', 30, '品牌大使', 'ambassador', '{"kind": "purchase", "measure": "sum", "days": 365, "op": ">=", "value": 8000}', 365, '{hotline,new_goods_first,birthday_cake}', false);
INSERT INTO crm.badge (badge, name_zh, name_en, reach, unlocks, is_active) VALUES
    ('coffee_master', '咖啡大师', 'coffee master', '{"kind": "item", "measure": "sum", "field": "quantity", "where": {"category": "coffee"}, "op": ">=", "value": 100}', '{hidden_menu}', false);
INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES
    ('loyalty.levels', 'SELECT crm._loyalty_levels_due()', '10 minutes', 43, 'epoch'),
    ('loyalty.gifts', 'SELECT crm._loyalty_gifts_due()', '1 minute', 44, 'epoch');
INSERT INTO crm.job (job, statement, every, at_local, position, is_patient, next_run_at) VALUES
    ('loyalty.sweep', 'SELECT crm._loyalty_sweep()', '1 day', '04:40', 80, true, 'epoch');

SELECT crm._access_open('crm.level', 'crm.badge');
SELECT crm._access_protect_person('crm.member_level');
SELECT crm._access_protect_person('crm.level_change');
SELECT crm._access_protect_person('crm.gift');
SELECT crm._access_protect_wide('crm.level_held');
SELECT crm._access_protect_wide('crm.badge_held');
SELECT crm._rule_source_put('level', 'loyalty', 'state', 'crm.member_level', '{"key": "customer_id", "keyed": "person", "as_of": "now",
    "name_zh": "会员等级", "name_en": "member level", "facts": ["order", "refund", "event", "member"],
    "columns": {"level": {"column": "level", "type": "text", "catalogue": {"relation": "crm.level", "code": "level"}, "name_zh": "等级", "name_en": "level"},
                "position": {"column": "position", "type": "number", "name_zh": "等级序", "name_en": "rank of the level"},
                "since": {"column": "since", "type": "time", "name_zh": "自", "name_en": "since"}}}');
SELECT crm._rule_source_put('badge', 'loyalty', 'facts', 'crm.badge_held', '{"key": "source_record_id", "keyed": "record", "time": "earned_at", "as_of": "now",
    "scope": {"withdrawn_at": null}, "name_zh": "勋章", "name_en": "badges", "facts": ["order", "refund", "event", "member"],
    "columns": {"badge": {"column": "badge", "type": "text", "catalogue": {"relation": "crm.badge", "code": "badge"}, "name_zh": "勋章", "name_en": "badge"}}}');
