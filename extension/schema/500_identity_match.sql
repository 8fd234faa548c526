-- The matcher over the installation's own records: models, runs, and what it found.

-- Models are kept: an edge says by which it was weighed.
CREATE TABLE crm.match_model (
    version int PRIMARY KEY,
    trained_at timestamptz NOT NULL,
    actor text NOT NULL,
    seed bigint NOT NULL,
    model bytea NOT NULL,
    report jsonb NOT NULL);             -- of crm._identity_link_report(): prior, cuts, expected precision, chances by level

-- One row a run; the newest tells how far it is.
CREATE TABLE crm.match_run (
    run_id bigint PRIMARY KEY,
    started_at timestamptz NOT NULL,
    day date NOT NULL,
    version int NOT NULL,               -- of the model; 0: presets
    state text NOT NULL CHECK (state IN ('proposing', 'done')),
    edge_count int NOT NULL,
    skip_count int NOT NULL,
    next_place int NOT NULL DEFAULT 1,  -- of the edge to look at next
    proposed int NOT NULL DEFAULT 0,
    finished_at timestamptz);

-- Pairs of records that the newest run holds for one person, heaviest first.
CREATE TABLE crm.match_edge (
    place int PRIMARY KEY,
    record_a bigint NOT NULL,
    record_b bigint NOT NULL,
    odds real NOT NULL,                 -- log2, with the prior
    levels smallint[] NOT NULL,         -- by field; 0: one side says nothing
    rule int NOT NULL,                  -- the key that found the pair
    guard text);                        -- kept apart within the run: size, weak_bridge

-- Keys that too many records share to be compared by.
CREATE TABLE crm.match_skip (
    source_record_id bigint NOT NULL,   -- one of those records
    rule int NOT NULL,
    record_count int NOT NULL,
    PRIMARY KEY (source_record_id, rule));

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('identity.match_least', '1000', 'records that a model is trained on at least; with fewer the presets weigh'),
    ('identity.match_labels', '40', 'decided proposals, a tenth of them of either answer, from which on they choose the cut of a model');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('identity.match', 'SELECT crm._identity_match_step()', '1 minute', NULL, 32, 'epoch');
UPDATE crm.job SET is_patient = true WHERE job = 'identity.match';
SELECT crm._access_protect_closed('crm.match_model', 'crm.match_run', 'crm.match_edge', 'crm.match_skip');
