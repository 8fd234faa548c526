-- Answers to what boards open with, kept as cells of sums (pure/board.h): each person written anew moves them.
CREATE TABLE crm.report_answer (
    question bytea PRIMARY KEY,         -- crm._report_question() of the next four: of many stores they are longer than an index takes
    kind int NOT NULL,                  -- of the question: pure/board.h
    marks date[] NOT NULL,
    is_chain boolean NOT NULL,          -- everybody, those without a store too; else
    stores int[] NOT NULL,              -- ascending; empty for the chain
    tiers int NOT NULL,                 -- so many there were: cells are laid out by them
    cells bigint[] NOT NULL);
SELECT crm._access_protect_closed('crm.report_answer');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.most_places', '100', 'places whose boards are kept answered: the chain, then regions, then stores; those of others are counted when they are opened');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.answers', 'SELECT crm._report_answers_job()', '1 min', NULL, 907, 'epoch', true);

-- Who stands behind a number of a flow, in pages by id. A look-up by person and flow finds nothing worse here than by the primary key.
CREATE INDEX occurrence_flow_person ON crm.occurrence (flow_id, customer_id);
CREATE INDEX coupon_redeemed_person ON crm.coupon (flow_id, customer_id) WHERE state = 'redeemed' AND flow_id IS NOT NULL;
