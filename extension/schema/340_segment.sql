-- Tags and segments: who is in, since when, and why.
CREATE TABLE crm.segment (
    segment_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,          -- of an automatic tag: tag:<code>
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('living', 'static')),
    rule jsonb,                         -- null: a list of persons
    version int NOT NULL DEFAULT 1,
    is_active boolean NOT NULL DEFAULT true,
    facts text[] NOT NULL DEFAULT '{}', -- kinds of facts that may change it
    is_announced boolean NOT NULL DEFAULT true, -- false: some source changes without a fact; asked in full from time to time
    needs int[] NOT NULL DEFAULT '{}',  -- segments its rule names
    level int NOT NULL DEFAULT 0,       -- above all that it needs
    watermark timestamptz,              -- as of when members are right; null: never filled
    filled_at timestamptz,              -- when everybody was asked last
    filled_version int,
    sources_version text,               -- of what changes everybody at once
    person_count bigint NOT NULL DEFAULT 0,
    error text,                         -- why it could not be kept
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL);
CREATE SEQUENCE crm.segment_id_seq AS int;

-- The dictionary of tags, headquarters' own.
CREATE TABLE crm.tag (
    tag text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    layer text NOT NULL CHECK (layer IN ('base', 'behaviour', 'prediction')),
    kind text NOT NULL CHECK (kind IN ('manual', 'automatic', 'predicted')),
    segment_id int REFERENCES crm.segment,      -- of an automatic one: who has it
    is_active boolean NOT NULL DEFAULT true,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL);
CREATE INDEX tag_segment ON crm.tag (segment_id) WHERE segment_id IS NOT NULL;

-- Tags that somebody gave or a model predicted, under the id of then, for ever: a merge moves nothing.
CREATE TABLE crm.customer_tag (
    customer_id bigint NOT NULL,
    tag text NOT NULL REFERENCES crm.tag,
    tagged_at timestamptz NOT NULL,
    until timestamptz NOT NULL DEFAULT 'infinity',      -- when it expires or was taken back
    author text NOT NULL,
    reason text NOT NULL DEFAULT '',
    score numeric,                      -- predicted: how sure
    model_version text,
    PRIMARY KEY (customer_id, tag, tagged_at));
CREATE INDEX customer_tag_until ON crm.customer_tag (until) WHERE until < 'infinity';

-- Who is and was in: the truth. A row a stay.
CREATE TABLE crm.segment_member (
    customer_id bigint NOT NULL,
    segment_id int NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (customer_id, segment_id, entered_at)) WITH (fillfactor = 90);
CREATE INDEX segment_member_segment ON crm.segment_member (segment_id, left_at);
-- The same members now as bitmaps of ordinals, for counting: a chunk holds 32,768 ordinals in at most
-- 4 kB, so two fit a page and none is TOASTed.
CREATE TABLE crm.segment_ordinal (
    customer_id bigint PRIMARY KEY,
    ordinal bigint NOT NULL);           -- never used again
CREATE INDEX segment_ordinal_ordinal ON crm.segment_ordinal (ordinal);
CREATE SEQUENCE crm.segment_ordinal_seq AS bigint MINVALUE 0;
CREATE TABLE crm.segment_chunk (
    segment_id int NOT NULL REFERENCES crm.segment,
    chunk_no bigint NOT NULL,           -- ordinal / 32,768
    members crm.bitmap NOT NULL,
    PRIMARY KEY (segment_id, chunk_no));
ALTER TABLE crm.segment_chunk ALTER COLUMN members SET STORAGE PLAIN;

-- Who entered and left a living segment after it was first filled; flows read it.
CREATE TABLE crm.segment_change (
    customer_id bigint NOT NULL,
    segment_id int NOT NULL,
    change_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('enter', 'leave')),
    at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, segment_id, change_id));
CREATE INDEX segment_change_at ON crm.segment_change (at);

-- Persons whose facts changed and whose segments are still to be looked at.
CREATE TABLE crm.segment_dirty (
    customer_id bigint NOT NULL,
    mark_id bigint NOT NULL,
    kind text NOT NULL,                 -- of the fact; membership: records moved
    PRIMARY KEY (customer_id, mark_id));

SELECT crm._access_open('crm.segment', 'crm.tag');
SELECT crm._access_protect_person('crm.customer_tag');
SELECT crm._access_protect_person('crm.segment_member');
SELECT crm._access_protect_person('crm.segment_change');
SELECT crm._access_protect_closed('crm.segment_ordinal', 'crm.segment_dirty', 'crm.segment_chunk');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('segment.piece_persons', '20000', 'marked persons that one run of the job looks at'),
    ('segment.few_persons', '200', 'up to so many persons a rule is asked about one by one, of more by sets: both say the same'),
    ('segment.full_minutes', '60', 'a segment over sources that change without a fact is asked in full after so many minutes'),
    ('segment.full_share', '0.2', 'when more than this share of all persons may have moved, everybody is asked at once');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('segment.refresh', 'SELECT crm._segment_refresh()', '15 s', 45, 'epoch');

-- A person's tags of all origins as rules see them.
CREATE VIEW crm.person_tag WITH (security_invoker = true) AS
    SELECT t.customer_id, t.tag, d.layer, d.kind, t.tagged_at, t.until, t.author, t.score
    FROM crm.customer_tag t JOIN crm.tag d ON d.tag = t.tag
    UNION ALL
    SELECT m.customer_id, d.tag, d.layer, d.kind, m.entered_at, m.left_at, 'rule', NULL
    FROM crm.segment_member m JOIN crm.tag d ON d.segment_id = m.segment_id;
GRANT SELECT ON crm.person_tag TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;

SELECT crm._rule_source_put('tag', 'segment', 'facts', 'crm.person_tag', '{
    "key": "customer_id", "keyed": "ever", "time": "tagged_at", "until": "until", "as_of": "facts", "facts": ["tag"], "name_zh": "标签", "name_en": "tags",
    "columns": {
        "tag": {"column": "tag", "type": "text", "catalogue": {"relation": "crm.tag", "code": "tag"}},
        "layer": {"column": "layer", "type": "text"},
        "author": {"column": "author", "type": "text"},
        "score": {"column": "score", "type": "number"}}}');
SELECT crm._rule_source_put('segment', 'segment', 'facts', 'crm.segment_member', '{
    "key": "customer_id", "keyed": "ever", "time": "entered_at", "until": "left_at", "as_of": "facts", "facts": ["segment"], "name_zh": "分群", "name_en": "segments",
    "columns": {
        "segment": {"column": "segment_id", "type": "text", "lookup": {"relation": "crm.segment", "key": "segment_id", "code": "code"}}}}');
