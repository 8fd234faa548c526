-- Facts hang on source records; a person is a cluster of records, kept by membership.
CREATE TABLE crm.source_record (
    source_record_id bigint PRIMARY KEY,
    source_id int NOT NULL,
    kind text NOT NULL,                 -- member, follower, receipt, visitor
    external_id text NOT NULL,
    store_id int,                       -- where it was registered
    channel text NOT NULL DEFAULT '',
    registered_at timestamptz,
    registered_on date,                 -- local day
    is_history boolean NOT NULL,
    is_current boolean NOT NULL DEFAULT true,   -- false: deleted at the source
    custom jsonb NOT NULL DEFAULT '{}',
    revision int NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL);

-- Clear values as the source gave them; no grants. Revisions are kept, one row each.
CREATE TABLE crm.source_record_private (
    source_record_id bigint NOT NULL,
    revision int NOT NULL,
    name text,
    nickname text,
    sex char(1),                        -- m, f
    birthday date,
    is_birthday_lunar boolean NOT NULL DEFAULT false,
    address_sealed bytea,               -- purpose 'address'
    province text,
    city text,
    district text,
    note text,
    received_at timestamptz NOT NULL,
    source_version text,                -- the source's own version or time
    content_hash bytea,                 -- null: a stub, made by an order that named an unknown member
    PRIMARY KEY (source_record_id, revision));

-- Who a record belongs to, from when to when; valid_to infinity is now.
CREATE TABLE crm.membership (
    source_record_id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    customer_id bigint NOT NULL,
    journal_id bigint,
    PRIMARY KEY (source_record_id, valid_from));
CREATE UNIQUE INDEX membership_now ON crm.membership (source_record_id) INCLUDE (customer_id) WHERE valid_to = 'infinity';
-- covering, so that no young statistics make a walk over membership_now look as cheap
CREATE INDEX membership_customer ON crm.membership (customer_id, valid_to) INCLUDE (source_record_id);

-- A value that identifies: the third group, keyed by itself. Creating or locking its row is what
-- makes two sessions that register one phone agree on one person (sorted by kind and hash).
CREATE TABLE crm.identifier (
    kind smallint NOT NULL,             -- crm.identifier_kind
    value_hash bytea NOT NULL,          -- keyed hash of namespace and normalised value
    customer_id bigint,                 -- who answers to it; null while blocked or demoted
    value_sealed bytea,                 -- purpose = the kind's code
    masked text NOT NULL,
    tail_hash bytea,                    -- phone: keyed hash of the last four digits
    is_blocked boolean NOT NULL DEFAULT false,  -- never glues: no key, blocked by hand, or a hub
    record_count int NOT NULL DEFAULT 0,        -- records that ever held it, receipts apart; a hub is counted no further
    row_version int NOT NULL DEFAULT 0,         -- counts changes of its holders
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value_hash)) WITH (fillfactor = 80);
CREATE INDEX identifier_customer ON crm.identifier (customer_id);
CREATE INDEX identifier_tail ON crm.identifier (tail_hash) WHERE tail_hash IS NOT NULL;

CREATE TABLE crm.identifier_kind (
    kind smallint PRIMARY KEY,
    code text NOT NULL UNIQUE,          -- phone, email, member_card, openid, unionid, wecom, platform_id, national_id, dingtalk, device, home_name, home
    is_key boolean NOT NULL,            -- equal values make one person
    is_single boolean NOT NULL,         -- a person has at most one (of a namespace)
    is_shared boolean NOT NULL,         -- a family may share it: names and birthdays are compared first
    max_records int NOT NULL,           -- more records than this: a hub, demoted to a relationship
    rank int NOT NULL);                 -- strength: lower is stronger
-- The codes are those of identity_kind.c: a hash is made under its kind's code.
INSERT INTO crm.identifier_kind (kind, code, is_key, is_single, is_shared, max_records, rank) VALUES
    (1, 'phone',       true,  false, true,  12, 70),
    (2, 'email',       true,  false, true,  12, 80),
    (3, 'member_card', true,  false, false, 12, 40),
    (4, 'openid',      true,  false, false, 12, 50),
    (5, 'unionid',     true,  true,  false, 12, 20),
    (6, 'wecom',       true,  false, false, 12, 30),
    (7, 'platform_id', true,  false, false, 12, 60),
    (8, 'national_id', true,  true,  false, 12, 10),
    (9, 'dingtalk',    true,  false, false, 12, 35),
    (10, 'device',     false, false, true,  12, 90),
    (11, 'home_name',  true,  false, true,  12, 95),    -- whole name and home down to the room, derived
    (12, 'home',       false, false, true,  12, 99);    -- the home alone: who lives together

CREATE TABLE crm.record_identifier (
    source_record_id bigint NOT NULL,
    kind smallint NOT NULL,
    value_hash bytea NOT NULL,
    namespace text NOT NULL DEFAULT '',
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    ended_at timestamptz,               -- the record gave the value up
    PRIMARY KEY (source_record_id, kind, value_hash));
CREATE INDEX record_identifier_value ON crm.record_identifier (kind, value_hash);

CREATE TABLE crm.blocked_value (
    kind smallint NOT NULL,
    value_hash bytea NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (kind, value_hash));

-- Masked values only. Merged rows stay for ever and point to the survivor.
CREATE TABLE crm.customer (
    customer_id bigint PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('active', 'merged', 'erased')),
    merged_into bigint,
    name_masked text NOT NULL DEFAULT '',
    phone_masked text NOT NULL DEFAULT '',
    email_masked text NOT NULL DEFAULT '',
    sex char(1),
    city text NOT NULL DEFAULT '',
    channel text NOT NULL DEFAULT '',   -- of the first record
    home_store_id int,
    scope_store_ids int[] NOT NULL DEFAULT '{}',
    registered_at timestamptz NOT NULL,
    registered_on date NOT NULL,
    record_count int NOT NULL DEFAULT 1,
    custom jsonb NOT NULL DEFAULT '{}',
    row_version int NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL) WITH (fillfactor = 80);     -- each record that joins writes the row anew: room for it beside, and no index moves
CREATE INDEX customer_scope ON crm.customer USING gin (scope_store_ids);
CREATE INDEX customer_merged_into ON crm.customer (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX customer_registered ON crm.customer (registered_on) WHERE status = 'active';

-- The golden record in clear; no grants, read by audited definer functions.
CREATE TABLE crm.customer_private (
    customer_id bigint PRIMARY KEY,
    name text,
    name_search text,                   -- normalised: folded, Traditional to Simplified
    phone_sealed bytea,
    phone_hash bytea,
    email_sealed bytea,
    birthday date,
    is_birthday_lunar boolean NOT NULL DEFAULT false,
    birthday_md smallint,               -- month * 100 + day of the solar birthday
    address_sealed bytea,
    custom jsonb NOT NULL DEFAULT '{}',        -- values of sensitive custom fields; the others are in crm.customer
    provenance jsonb NOT NULL DEFAULT '{}')    -- field -> source_record_id, rule
    WITH (fillfactor = 80);
CREATE INDEX customer_private_birthday ON crm.customer_private (birthday_md) WHERE birthday_md IS NOT NULL;

CREATE TABLE crm.merge_journal (
    journal_id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('merge', 'unmerge', 'split', 'attach', 'detach')),
    survivor_id bigint NOT NULL,
    other_id bigint,
    record_ids bigint[] NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,               -- identifier, match, manual ...
    evidence jsonb NOT NULL DEFAULT '{}');
CREATE INDEX merge_journal_survivor ON crm.merge_journal (survivor_id);
CREATE INDEX merge_journal_other ON crm.merge_journal (other_id);

CREATE TABLE crm.cannot_link (
    record_a bigint NOT NULL,
    record_b bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (record_a, record_b),
    CHECK (record_a < record_b));

-- Records that belong together whatever their values say: a merge by hand.
CREATE TABLE crm.must_link (
    record_a bigint NOT NULL,
    record_b bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (record_a, record_b),
    CHECK (record_a < record_b));
CREATE INDEX must_link_b ON crm.must_link (record_b);

-- What a guard stopped, for a person to decide.
CREATE TABLE crm.review (
    review_id bigint PRIMARY KEY,
    customer_a bigint NOT NULL,
    customer_b bigint NOT NULL,
    reason text NOT NULL,               -- the guard: single_value, contradiction, disputed, stale, one_per_source, size, weak_bridge, merges_per_hour; match
    evidence jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL CHECK (state IN ('open', 'accepted', 'rejected')),
    opened_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text);
CREATE UNIQUE INDEX review_open ON crm.review (least(customer_a, customer_b), greatest(customer_a, customer_b), reason) WHERE state = 'open';

CREATE INDEX review_pair ON crm.review (least(customer_a, customer_b), greatest(customer_a, customer_b));
CREATE INDEX review_person_b ON crm.review (customer_b) WHERE state = 'open';

-- Which of several values is the person's: criteria asked one after the other.
CREATE TABLE crm.golden_rule (
    field text PRIMARY KEY,
    place int NOT NULL,                 -- in lists
    criteria text[] NOT NULL DEFAULT '{priority,recent}',   -- verified, priority, recent, oldest, frequent, complete
    changed_at timestamptz);
INSERT INTO crm.golden_rule (field, place) VALUES
    ('name', 1), ('sex', 2), ('birthday', 3), ('phone', 4), ('email', 5), ('city', 6), ('address', 7);

-- How far a nightly job has come.
CREATE TABLE crm.identity_progress (
    job text PRIMARY KEY,
    day date NOT NULL,                  -- finished up to this day
    customer_id bigint NOT NULL);       -- and, on the day after it, up to this person

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('identity.scope_days', '365', 'a person is in a store where an order was placed in so many local days'),
    ('identity.lookups_per_hour', '60', 'exact look-ups a clerk may make in an hour'),
    ('identity.person_records', '100', 'records, receipts apart, that one person has at most; what would make more waits for a review'),
    ('identity.bridge_records', '3', 'two groups of at least so many records are not made one by a single shared phone or e-mail'),
    ('identity.silent_days', '400', 'an account that tells neither name nor birthday joins by a phone or e-mail whoever told it within so many days; beyond that it waits for a review'),
    ('identity.merges_per_hour', '20', 'persons that may be merged into one within an hour without anybody looking');

INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('identity.age_scope', 'SELECT crm._identity_age_scope()', '1 day', '02:10', 30, 'epoch'),
    ('identity.golden', 'SELECT crm._identity_refresh_all()', '1 minute', NULL, 31, 'epoch');

SELECT crm._access_protect_scope('crm.customer');
SELECT crm._access_protect_person('crm.membership');
SELECT crm._access_open('crm.identifier_kind', 'crm.golden_rule');
SELECT crm._access_protect_closed('crm.source_record', 'crm.source_record_private', 'crm.identifier',
    'crm.record_identifier', 'crm.blocked_value', 'crm.customer_private', 'crm.merge_journal', 'crm.cannot_link',
    'crm.must_link', 'crm.review', 'crm.identity_progress');
