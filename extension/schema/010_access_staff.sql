-- Who may see what: regions, stores, sharing groups, staff and their scopes, sessions, keys.
CREATE SEQUENCE crm.access_id_seq AS int;   -- regions, stores, groups, staff

CREATE TABLE crm.region (
    region_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL);

CREATE TABLE crm.store (
    store_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    region_id int NOT NULL REFERENCES crm.region,
    city text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
    opened_on date,
    closed_on date);

CREATE TABLE crm.sharing_group (
    sharing_group_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL);
CREATE TABLE crm.sharing_group_store (
    sharing_group_id int NOT NULL REFERENCES crm.sharing_group,
    store_id int NOT NULL REFERENCES crm.store,
    PRIMARY KEY (sharing_group_id, store_id));

CREATE TABLE crm.staff (
    staff_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    role name NOT NULL,
    login_name text UNIQUE,             -- for sign-in over HTTP
    sql_role name UNIQUE,               -- for a direct SQL login
    password text,                      -- scrypt$N$r$p$salt$hash, base64
    failed_tries int NOT NULL DEFAULT 0,
    locked_until timestamptz,
    left_at timestamptz,
    created_at timestamptz NOT NULL);
CREATE TABLE crm.staff_scope (
    staff_id int NOT NULL REFERENCES crm.staff,
    kind text NOT NULL CHECK (kind IN ('store', 'region', 'group', 'all')),
    ref_id int NOT NULL DEFAULT 0,      -- store, region or sharing group; 0 for all
    PRIMARY KEY (staff_id, kind, ref_id));

CREATE TABLE crm.session (
    session_hash bytea PRIMARY KEY,     -- SHA-256 of the cookie
    staff_id int NOT NULL REFERENCES crm.staff,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz);
CREATE INDEX session_staff ON crm.session (staff_id);
CREATE TABLE crm.signin_link (
    link_hash bytea PRIMARY KEY,
    staff_id int NOT NULL REFERENCES crm.staff,
    expires_at timestamptz NOT NULL,
    used_at timestamptz);

CREATE TABLE crm.api_key (
    api_key_id text PRIMARY KEY,
    secret_hash bytea NOT NULL,         -- SHA-256 of the secret
    name text NOT NULL,
    role name NOT NULL,
    source_code text,                   -- the one source it may deliver for; null: any
    store_id int REFERENCES crm.store,
    is_sandbox boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz);

-- Idempotency-Key of HTTP: the answer is kept in the transaction of the effect.
CREATE TABLE crm.idempotency (
    principal text NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL,         -- SHA-256 of function and arguments
    answer jsonb,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (principal, idempotency_key));
CREATE INDEX idempotency_created ON crm.idempotency (created_at);

-- Append-only trail. Personal values appear as keyed hash and masked form only, so that erasing
-- a person and proving the trail agree. audit_seal chains finished stretches of it.
CREATE TABLE crm.audit (
    audited_at timestamptz NOT NULL,    -- real time, never crm.core_clock
    audit_id bigint NOT NULL,
    actor text NOT NULL,                -- staff code, key id or SQL role
    actor_role name NOT NULL,
    staff_id int,
    action text NOT NULL,               -- unmask, lookup, edit, merge, export, erase, sign_in ...
    object_kind text NOT NULL,
    object_id bigint,
    field text,
    old_value text,                     -- masked
    new_value text,
    old_hash bytea,
    new_hash bytea,
    reason text,
    request_id text,
    PRIMARY KEY (audited_at, audit_id)) PARTITION BY RANGE (audited_at);
CREATE TABLE crm.audit_default PARTITION OF crm.audit DEFAULT;
CREATE INDEX audit_object ON crm.audit (object_kind, object_id);
CREATE INDEX audit_actor ON crm.audit (actor, action, audited_at);
CREATE TABLE crm.audit_seal (
    seal_no bigint PRIMARY KEY,
    sealed_from timestamptz NOT NULL,
    sealed_to timestamptz NOT NULL,
    row_count bigint NOT NULL,
    rows_hash bytea NOT NULL,
    seal bytea NOT NULL,                -- HMAC over the seal before and this stretch
    sealed_at timestamptz NOT NULL);

-- Which role may see which field in clear, one person at a time, audited. Rows, for a manager to edit.
CREATE TABLE crm.field_right (
    role name NOT NULL CHECK (role IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_steward',
                                       'crm_headquarters')),   -- the others never see clear values
    field text NOT NULL CHECK (field IN ('name', 'phone', 'email', 'birthday', 'address', 'identifiers', 'note', 'custom')),
    PRIMARY KEY (role, field));
INSERT INTO crm.field_right (role, field)
SELECT r.role, f.field
FROM (VALUES ('crm_clerk', '{name,phone,custom}'::text[]),
             ('crm_store_manager', '{name,phone,email,birthday,address,custom}'),
             ('crm_manager', '{name,phone,email,birthday,address,custom}'),
             ('crm_service', '{name,phone,email,address}'),
             ('crm_steward', '{name,phone,email,birthday,address,identifiers,note,custom}'),
             ('crm_headquarters', '{name,phone,email,birthday,address,custom}')) AS r(role, fields)
     CROSS JOIN LATERAL unnest(r.fields) AS f(field);

-- What may not come back: hashes of erased identifiers.
CREATE TABLE crm.suppression (
    kind text NOT NULL,                 -- code of crm.identifier_kind; record: a source's own id of a member
    value_hash bytea NOT NULL,          -- as in crm.identifier; record: crm._access_record_hash()
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value_hash));

-- One open alert a kind and key; success closes it.
CREATE TABLE crm.alert (
    alert_id bigint PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    detail jsonb NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX alert_open ON crm.alert (kind, key) WHERE closed_at IS NULL;

-- Settings that a manager edits: rows, not constants. Each room adds its own.
CREATE TABLE crm.room_setting (   -- not "setting": its array type would shadow crm._setting()
    name text PRIMARY KEY,              -- room.noun_unit, e.g. ingest.retry_seconds
    value jsonb NOT NULL,
    description text NOT NULL,
    changed_at timestamptz);
INSERT INTO crm.room_setting (name, value, description)
VALUES ('core.time_zone', '"Asia/Shanghai"', 'the chain''s own time zone: daily jobs, days without a store'),
    ('access.session_hours', '12', 'hours a sign-in lasts'),
    ('access.signin_tries', '5', 'wrong tries that lock an account'),
    ('access.lock_minutes', '15', 'minutes an account stays locked'),
    ('access.link_minutes', '60', 'minutes a one-time sign-in link can be used'),
    ('access.idempotency_hours', '48', 'hours the answer to an idempotency key is kept'),
    ('access.audit_months', '84', 'months the audit trail is kept'),
    ('access.event_months', '37', 'months behaviour events are kept'),
    ('access.unmask_hour_limit', '60', 'unmaskings an hour and staff member');

SELECT crm._access_open('crm.field_right', 'crm.region', 'crm.store', 'crm.sharing_group', 'crm.sharing_group_store', 'crm.room_setting');
SELECT crm._access_protect_closed('crm.external_key', 'crm.staff', 'crm.staff_scope', 'crm.session', 'crm.signin_link',
    'crm.api_key', 'crm.idempotency', 'crm.audit', 'crm.audit_seal', 'crm.suppression', 'crm.alert');

INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES
    ('access.partitions', 'SELECT crm._access_partitions()', '1 hour', 5, crm.core_now()),
    ('access.seal', 'SELECT crm._access_seal()', '1 minute', 900, crm.core_now()),
    ('access.purge', 'SELECT crm._access_purge()', '1 hour', 910, crm.core_now());
