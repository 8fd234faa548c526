-- sales_deal: a deal on its way through the stages of its pipeline.  It goes on only with what its stage asks for, is
-- given to somebody by rules that it tells, and becomes somebody's task when it stands still.
--
-- Locks: the deal's row, then tasks.  A deal stays under the customer id it was opened for.

CREATE TYPE crm.deal_key AS (customer_id bigint, deal_id bigint, pipeline text, stage text, outcome text, stage_no int);
COMMENT ON TYPE crm.deal_key IS 'a deal by its key, and where it was found';

CREATE FUNCTION crm._sales_deal_event(key crm.deal_key, kind text, stage text, from_stage text DEFAULT NULL, detail jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage, from_stage, detail)
    VALUES (key.customer_id, key.deal_id, crm._new_id(), crm.core_now(), kind, crm._actor(), stage, from_stage, detail);
    PERFORM crm._consequence_facts(ARRAY[crm._identity_current(key.customer_id)], 'deal', false);      -- segments and rules that ask for deals
END
$$;
COMMENT ON FUNCTION crm._sales_deal_event(crm.deal_key, text, text, text, jsonb) IS
    'appends to the life of a deal, and tells whoever asks for deals';

-- The same question has the same answer at any time: who looks after the person; else of those who see the store, who
-- has the skill, then who has the fewest open deals, then the code decides.
CREATE FUNCTION crm._sales_deal_assignee(person bigint, store_id int, OUT staff_id int, OUT why text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    is_gold boolean := coalesce(crm._setting('sales.gold_tiers') ? (SELECT v.tier FROM crm.customer_value v WHERE v.customer_id = person), false);
BEGIN
    SELECT f.staff_id, 'owner' INTO staff_id, why
    FROM crm._sales_owners(person) w JOIN crm.staff f ON f.staff_id = w.staff_id
    WHERE f.left_at IS NULL AND crm._sales_reaches(f.staff_id, ARRAY[_sales_deal_assignee.store_id]) ORDER BY w.since DESC LIMIT 1;
    IF staff_id IS NOT NULL OR store_id IS NULL THEN
        why := coalesce(why, 'no store');
        RETURN;
    END IF;
    SELECT f.staff_id, CASE WHEN is_gold AND k.skill IS NOT NULL THEN 'gold' ELSE 'least to do' END INTO staff_id, why
    FROM crm.staff f LEFT JOIN crm.staff_skill k ON k.staff_id = f.staff_id AND k.skill = 'gold'
    WHERE f.role IN ('crm_clerk', 'crm_service') AND f.left_at IS NULL AND crm._sales_reaches(f.staff_id, ARRAY[_sales_deal_assignee.store_id])
    ORDER BY is_gold AND k.skill IS NULL, (SELECT count(*) FROM crm.deal d WHERE d.staff_id = f.staff_id AND d.outcome = 'open'), f.code LIMIT 1;
    why := coalesce(why, 'store');
END
$$;
COMMENT ON FUNCTION crm._sales_deal_assignee(bigint, int, OUT int, OUT text) IS
    'who takes a deal and why: owner (looks after the person), gold (the person''s tier is one of sales.gold_tiers, '
    'and they have the skill), least to do (fewest open deals of those who see the store, ties by code), store '
    '(nobody works there: whoever comes), no store';

-- When the deal stands still next: hours are exact, days are whole local days at the hour of sales.follow_up_at.
CREATE FUNCTION crm._sales_stall_at(rule jsonb, since timestamptz, store_id int) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN rule ? 'hours' THEN since + (rule ->> 'hours')::int * interval '1 hour'
                ELSE crm._sales_due(crm._local_day(since, crm._sales_zone(store_id)) + (rule ->> 'days')::int, store_id) END;
END
$$;
COMMENT ON FUNCTION crm._sales_stall_at(jsonb, timestamptz, int) IS
    'the moment at which a rule of standing still holds: so many hours after, or so many local days of the store '
    'after, at sales.follow_up_at';

CREATE FUNCTION crm._sales_stall_rules(customer_id bigint, deal_id bigint) RETURNS TABLE (rule_no bigint, rule jsonb, at timestamptz, task_key text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.n, r.e, crm._sales_stall_at(r.e, CASE r.e ->> 'since' WHEN 'stage' THEN d.stage_at ELSE d.touched_at END, d.store_id),
           format('deal:%s:%s:%s:%s', d.deal_id, d.stage_no, r.n, CASE r.e ->> 'since' WHEN 'stage' THEN 0
               ELSE extract(epoch FROM d.touched_at)::bigint END)
    FROM crm.deal d JOIN crm.pipeline_stage s ON s.pipeline = d.pipeline AND s.stage = d.stage
    CROSS JOIN jsonb_array_elements(s.stalls) WITH ORDINALITY r (e, n)
    WHERE d.customer_id = _sales_stall_rules.customer_id AND d.deal_id = _sales_stall_rules.deal_id AND d.outcome = 'open'
      AND (d.is_important OR NOT coalesce((r.e -> 'important')::boolean, false));
END
$$;
COMMENT ON FUNCTION crm._sales_stall_rules(bigint, bigint) IS
    'the rules of standing still that hold for an open deal at its stage: when each does, and the key of its task, '
    'one a stay at the stage, or one a silence';

CREATE FUNCTION crm._sales_deal_watch(customer_id bigint, deal_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    UPDATE crm.deal d SET next_stall_at = coalesce((
        SELECT min(r.at) FROM crm._sales_stall_rules(d.customer_id, d.deal_id) r
        WHERE NOT EXISTS (SELECT FROM crm.task t WHERE t.customer_id = d.customer_id AND t.task_key = r.task_key)), 'infinity')
    WHERE d.customer_id = _sales_deal_watch.customer_id AND d.deal_id = _sales_deal_watch.deal_id;
END
$$;
COMMENT ON FUNCTION crm._sales_deal_watch(bigint, bigint) IS 'enters when the deal stands still next';

-- A task of a deal that moved on, or was spoken of again, has nothing to ask any more.
CREATE FUNCTION crm._sales_deal_progress(customer_id bigint, deal_id bigint, kept_since text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    done record;
BEGIN
    FOR done IN
        SELECT t.customer_id, t.task_id FROM crm.task t
        WHERE t.customer_id = _sales_deal_progress.customer_id AND t.kind IN ('stall', 'deal') AND t.state = 'open'
            AND t.task_key LIKE format('deal:%s:%%', _sales_deal_progress.deal_id)
          AND (kept_since IS DISTINCT FROM 'stage' OR t.task_key NOT LIKE '%:0') ORDER BY t.task_id FOR UPDATE
    LOOP
        PERFORM crm._sales_task_close(done.customer_id, done.task_id, 'done', 'progress');
    END LOOP;
    PERFORM crm._sales_deal_watch(_sales_deal_progress.customer_id, _sales_deal_progress.deal_id);
END
$$;
COMMENT ON FUNCTION crm._sales_deal_progress(bigint, bigint, text) IS
    'closes the tasks of a deal that it went on from: all of them after a move; after a contact (kept_since stage) '
    'those of its stay at the stage remain';

CREATE FUNCTION crm._sales_deal_made_for(person bigint, deal_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    found bigint := (SELECT d.customer_id FROM crm.deal d
                     WHERE d.customer_id = ANY (crm._identity_cluster(person))
                         AND d.deal_id = _sales_deal_made_for.deal_id AND crm._sales_sees(d.staff_id, d.store_id));
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no such deal in your lists'
            USING ERRCODE = 'no_data_found', COLUMN = 'deal_id', HINT = 'Take the deal from the list of your store.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._sales_deal_made_for(bigint, bigint) IS
    'under which id of a person a deal stands, when the actor may see it (given to them, of their stores, or '
    'headquarters); P0002 otherwise';

CREATE FUNCTION crm._sales_deal(customer_id bigint, deal_id bigint) RETURNS crm.deal_key
    LANGUAGE plpgsql AS
$$
DECLARE
    person bigint := crm._sales_deal_made_for(customer_id, deal_id);
    found crm.deal_key;
BEGIN
    SELECT d.customer_id, d.deal_id, d.pipeline, d.stage, d.outcome, d.stage_no INTO found FROM crm.deal d
    WHERE d.customer_id = person AND d.deal_id = _sales_deal.deal_id FOR NO KEY UPDATE;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._sales_deal(bigint, bigint) IS
    'a deal, locked, when the actor may see it (given to them, of their stores, or headquarters); P0002 otherwise';

CREATE FUNCTION crm._sales_open_deal(customer_id bigint, deal_id bigint) RETURNS crm.deal_key
    LANGUAGE plpgsql AS
$$
DECLARE
    found crm.deal_key := crm._sales_deal(customer_id, deal_id);
BEGIN
    IF found.outcome <> 'open' THEN
        RAISE EXCEPTION 'the deal is %', found.outcome USING ERRCODE = 'RM875', COLUMN = 'deal_id',
            HINT = 'Open a new deal when there is more to sell.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._sales_open_deal(bigint, bigint) IS
    'crm._sales_deal() of one that is neither won nor lost; RM875 otherwise';

-- Two who work on one customer learn of each other.
CREATE FUNCTION crm._sales_deal_overlap(person bigint, deal_id bigint, staff_id int, store_id int, title text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    others jsonb := '[]';
    other record;
    who text := coalesce((SELECT f.name FROM crm.staff f WHERE f.staff_id = _sales_deal_overlap.staff_id), crm._actor());
BEGIN
    FOR other IN
        SELECT d.staff_id, f.code, f.name, d.store_id, s.code AS store FROM crm.deal d
            JOIN crm.staff f ON f.staff_id = d.staff_id LEFT JOIN crm.store s ON s.store_id = d.store_id
        WHERE d.customer_id = ANY (crm._identity_cluster(person)) AND d.outcome = 'open' AND d.deal_id <> _sales_deal_overlap.deal_id
          AND d.staff_id IS DISTINCT FROM _sales_deal_overlap.staff_id ORDER BY d.deal_id
    LOOP
        others := others || jsonb_build_object('staff', other.code, 'name', other.name, 'store', other.store);
        PERFORM crm._sales_task_put(person, format('overlap:%s:%s', deal_id, other.staff_id), 'mention', left('@ ' || who, 200), left(title, 200),
            crm.core_now() + (crm._setting('sales.follow_up_hours') #>> '{}')::int * interval '1 hour', NULL, other.staff_id);
        IF staff_id IS NOT NULL AND other.store_id <> store_id THEN
            PERFORM crm._sales_overlap_tell(person, staff_id, other.staff_id, ARRAY[store_id, other.store_id],
                '两家门店各有商机。请商量由谁跟进。', crm.core_now());
        END IF;
    END LOOP;
    RETURN others;
END
$$;
COMMENT ON FUNCTION crm._sales_deal_overlap(bigint, bigint, int, int, text) IS
    'who else has an open deal with a person: told, once each, by a task of their own list; of two stores their '
    'managers, too';

CREATE FUNCTION crm.sales_deal_open(customer_id bigint, pipeline text, title text, amount numeric DEFAULT NULL, is_important boolean DEFAULT false,
                                    lead_source text DEFAULT 'store', store text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'sales_deal_open', convert_to(jsonb_build_array(customer_id, pipeline, title, amount, is_important,
                    lead_source, store)::text, 'UTF8'));
    person bigint := crm._identity_not_erased(customer_id);
    first_stage text := (SELECT s.stage FROM crm.pipeline_stage s JOIN crm.pipeline p USING (pipeline)
            WHERE p.pipeline = sales_deal_open.pipeline AND p.is_active ORDER BY s.position LIMIT 1);
    wrong text := CASE WHEN first_stage IS NULL THEN 'pipeline' WHEN coalesce(btrim(title), '') = ''
        OR length(title) > 200 THEN 'title' WHEN amount < 0 OR amount >= 1e10 OR amount = 'NaN' THEN 'amount'
                       WHEN (lead_source ~ '^[a-z_]{1,20}$') IS NOT TRUE THEN 'lead_source' END;
    here int;
    given record;
    key crm.deal_key;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a deal needs its pipeline, a title, and where it came from'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
                HINT = 'crm.sales_pipelines() has those in use; a title has 1 to 200 characters, an amount is 0 or more, lead_source a word like store, web or referral.';
    END IF;
    here := crm._sales_store(store, person);
    given := crm._sales_deal_assignee(person, here);
    key := ROW(person, crm._new_id(), pipeline, first_stage, 'open', 1)::crm.deal_key;
    INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source,
            store_id, staff_id, opened_at, stage_at, touched_at, came_stages, came_at)
    VALUES (person, key.deal_id, key.pipeline, first_stage, 'open', btrim(title), amount,
            coalesce(is_important, false), lead_source, here, given.staff_id, crm.core_now(), crm.core_now(),
            crm.core_now(),
            ARRAY[first_stage], ARRAY[crm.core_now()]);
    PERFORM crm._sales_task_put(person, format('deal:%s:1:new', key.deal_id), 'deal', btrim(title), '',
        crm.core_now() + (crm._setting('sales.lead_hours') #>> '{}')::int * interval '1 hour', here, given.staff_id,
            CASE WHEN here IS NULL THEN 'crm_headquarters' ELSE 'crm_clerk' END::name);
    PERFORM crm._sales_deal_watch(person, key.deal_id);
    PERFORM crm._sales_deal_event(key, 'opened', first_stage, NULL,
        jsonb_build_object('given_to', given.why, 'staff', (SELECT f.code FROM crm.staff f
                WHERE f.staff_id = given.staff_id)));
    answer := crm._sales_deal_tell(person, key.deal_id)
        || jsonb_build_object('overlaps', crm._sales_deal_overlap(person, key.deal_id, given.staff_id, here, title));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_deal_open(bigint, text, text, numeric, boolean, text, text, text) IS
    'opens a deal at the first stage of a pipeline (store: a code; null: the caller''s only store, else the '
    'person''s own), gives it to somebody with a task to follow up, and answers as crm.sales_deal() with overlaps: '
    'who else has an open deal with the person, and is told; P0002 out of scope, RM301 erased, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.sales_deal_open(bigint, text, text, numeric, boolean, text, text, text) TO crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_deal_evidence(customer_id bigint, deal_id bigint, evidence text, title text, url text,
                                        sha256 text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'sales_deal_evidence', convert_to(jsonb_build_array(customer_id, deal_id, evidence, title, url,
                    sha256)::text, 'UTF8'));
    key crm.deal_key;
    wrong text := CASE WHEN (evidence ~ '^[a-z][a-z0-9_]{0,62}$') IS NOT TRUE THEN 'evidence'
        WHEN (length(btrim(title)) BETWEEN 1 AND 200) IS NOT TRUE THEN 'title'
                       WHEN (url ~ '^https?://[^[:space:][:cntrl:]]+$' AND length(url) <= 2000) IS NOT TRUE THEN 'url'
                           WHEN sha256 !~ '^[0-9a-fA-F]{64}$' THEN 'sha256' END;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'this is no document of a deal'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
                HINT = 'evidence is a code that the stage asks for, title 1 to 200 characters, url begins with http:// or https://, sha256 has 64 hex digits.';
    END IF;
    key := crm._sales_open_deal(crm._access_require_person(customer_id), deal_id);
    INSERT INTO crm.deal_evidence (customer_id, deal_id, deal_evidence_id, at, actor, stage_no, evidence, title, url, sha256)
    VALUES (key.customer_id, key.deal_id, crm._new_id(), crm.core_now(), crm._actor(), key.stage_no,
        sales_deal_evidence.evidence, btrim(sales_deal_evidence.title), sales_deal_evidence.url,
        decode(sales_deal_evidence.sha256, 'hex'));
    UPDATE crm.deal d SET touched_at = crm.core_now() WHERE d.customer_id = key.customer_id AND d.deal_id = key.deal_id;
    PERFORM crm._sales_deal_progress(key.customer_id, key.deal_id, 'stage');
    PERFORM crm._sales_deal_event(key, 'evidence', key.stage, NULL, jsonb_build_object('evidence', evidence, 'title', btrim(title)));
    answer := crm._sales_deal_tell(key.customer_id, key.deal_id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_deal_evidence(bigint, bigint, text, text, text, text, text) IS
    'hands in a document of a deal: a code the stage asks for, a title, where it lies, and the SHA-256 of what lay '
    'there; answers as crm.sales_deal(); RM875 for a deal that is over, P0002 when it is in no list of the caller, '
    '22023 names the field';
GRANT EXECUTE ON FUNCTION crm.sales_deal_evidence(bigint, bigint, text, text, text, text, text) TO crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._sales_missing(customer_id bigint, deal_id bigint) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN ARRAY(
        SELECT e FROM crm.deal d JOIN crm.pipeline_stage s ON s.pipeline = d.pipeline AND s.stage = d.stage
            CROSS JOIN jsonb_array_elements_text(s.evidence) WITH ORDINALITY a (e, n)
        WHERE d.customer_id = _sales_missing.customer_id AND d.deal_id = _sales_missing.deal_id
          AND NOT EXISTS (SELECT FROM crm.deal_evidence v WHERE v.customer_id = d.customer_id
                  AND v.deal_id = d.deal_id AND v.evidence = a.e) ORDER BY a.n);
END
$$;
COMMENT ON FUNCTION crm._sales_missing(bigint, bigint) IS
    'what the stage of a deal asks for and nobody handed in yet, at this stage or before';

CREATE FUNCTION crm.sales_deal_move(customer_id bigint, deal_id bigint, stage text, reason text DEFAULT NULL,
                                    idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'sales_deal_move', convert_to(jsonb_build_array(customer_id, deal_id, stage, reason)::text, 'UTF8'));
    key crm.deal_key;
    here crm.pipeline_stage;
    there crm.pipeline_stage;
    missing text[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    key := crm._sales_open_deal(crm._access_require_person(customer_id), deal_id);
    SELECT s.* INTO here FROM crm.pipeline_stage s WHERE s.pipeline = key.pipeline AND s.stage = key.stage;
    SELECT s.* INTO there FROM crm.pipeline_stage s WHERE s.pipeline = key.pipeline AND s.stage = sales_deal_move.stage;
    IF there.stage IS NULL OR there.stage = here.stage THEN
        RAISE EXCEPTION 'the deal cannot go to "%"', left(stage, 100)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'stage', HINT = 'Give another stage of its pipeline.';
    ELSIF there.outcome = 'lost' AND coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a deal that is lost needs the reason'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'reason', HINT = 'Say why it did not come about.';
    ELSIF there.outcome <> 'lost' AND there.position > here.position THEN
        missing := crm._sales_missing(key.customer_id, key.deal_id);
        IF missing <> '{}' THEN
            RAISE EXCEPTION 'the stage still asks for %', array_to_string(missing, ', ')
                USING ERRCODE = 'RM876', COLUMN = 'stage', HINT = format('Hand in %s first.', array_to_string(missing, ', '));
        END IF;
    END IF;
    PERFORM crm._sales_deal_go(key, there.stage, there.outcome, btrim(reason));
    answer := crm._sales_deal_tell(key.customer_id, key.deal_id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_deal_move(bigint, bigint, text, text, text) IS
    'moves a deal to another stage of its pipeline: onwards only with every document the stage asks for (RM876 '
    'names what is missing), back and to lost always, to lost with the reason; won and lost are for good (RM875); '
    'its tasks end; answers as crm.sales_deal(); P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.sales_deal_move(bigint, bigint, text, text, text) TO crm_clerk, crm_store_manager,
    crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._sales_deal_go(key crm.deal_key, stage text, outcome text, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    since timestamptz;
    is_back boolean;        -- it was there before
BEGIN
    SELECT d.stage_at, _sales_deal_go.stage = ANY (d.came_stages) INTO since, is_back FROM crm.deal d
        WHERE d.customer_id = key.customer_id AND d.deal_id = key.deal_id;
    UPDATE crm.deal d SET stage = _sales_deal_go.stage, outcome = _sales_deal_go.outcome, stage_at = crm.core_now(),
        touched_at = crm.core_now(), stage_no = d.stage_no + 1,
           closed_at = CASE WHEN _sales_deal_go.outcome = 'open' THEN 'infinity' ELSE crm.core_now() END,
               lost_reason = CASE WHEN _sales_deal_go.outcome = 'lost' THEN reason END,
           came_stages = CASE WHEN is_back THEN d.came_stages ELSE d.came_stages || _sales_deal_go.stage END,
               came_at = CASE WHEN is_back THEN d.came_at ELSE d.came_at || crm.core_now() END
    WHERE d.customer_id = key.customer_id AND d.deal_id = key.deal_id;
    PERFORM crm._sales_deal_progress(key.customer_id, key.deal_id, NULL);
    PERFORM crm._sales_deal_event(key, 'moved', stage, key.stage,
        jsonb_strip_nulls(jsonb_build_object('hours', round(extract(epoch FROM crm.core_now() - since) / 3600, 2),
                'reason', reason)));
END
$$;
COMMENT ON FUNCTION crm._sales_deal_go(crm.deal_key, text, text, text) IS
    'enters that a deal came to a stage, and how long it was at the one before; its tasks end';

CREATE FUNCTION crm.sales_deal_change(customer_id bigint, deal_id bigint, changes jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    key crm.deal_key := crm._sales_open_deal(crm._access_require_person(customer_id), deal_id);
    wrong text := crm._unknown_member(changes, '{title,amount,is_important,staff}', 'changes');
    heir int;
BEGIN
    wrong := coalesce(wrong, CASE
        WHEN changes ? 'title' AND (length(btrim(changes ->> 'title')) BETWEEN 1 AND 200) IS NOT TRUE THEN 'title'
        WHEN changes ? 'amount' AND jsonb_typeof(changes -> 'amount') <> 'null'
            AND (jsonb_typeof(changes -> 'amount') <> 'number'
                OR (changes ->> 'amount')::numeric NOT BETWEEN 0 AND 9999999999) THEN 'amount'
        WHEN changes ? 'is_important' AND jsonb_typeof(changes -> 'is_important') <> 'boolean' THEN 'is_important' END);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" cannot be changed so', wrong
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong, HINT = 'Give title, amount, is_important or staff (a code).';
    END IF;
    heir := crm._sales_staff(changes ->> 'staff');
    IF heir IS NOT NULL AND NOT crm._sales_reaches(heir,
            (SELECT ARRAY[d.store_id] FROM crm.deal d WHERE d.customer_id = key.customer_id
                AND d.deal_id = key.deal_id)) THEN
        RAISE EXCEPTION '"%" does not see this deal', changes ->> 'staff'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'staff', HINT = 'Give somebody who works for its store.';
    END IF;
    UPDATE crm.deal d SET title = coalesce(btrim(changes ->> 'title'), d.title), amount = CASE
        WHEN changes ? 'amount' THEN (changes ->> 'amount')::numeric ELSE d.amount END,
           is_important = coalesce((changes -> 'is_important')::boolean, d.is_important), staff_id = coalesce(heir, d.staff_id)
    WHERE d.customer_id = key.customer_id AND d.deal_id = key.deal_id;
    UPDATE crm.task t SET staff_id = heir
    WHERE heir IS NOT NULL AND t.customer_id = key.customer_id AND t.state = 'open' AND t.kind = 'deal'
        AND t.task_key LIKE format('deal:%s:%%', key.deal_id);
    PERFORM crm._sales_deal_watch(key.customer_id, key.deal_id);
    PERFORM crm._sales_deal_event(key, CASE WHEN heir IS NULL THEN 'changed' ELSE 'assigned' END, key.stage, NULL, changes);
    RETURN crm._sales_deal_tell(key.customer_id, key.deal_id);
END
$$;
COMMENT ON FUNCTION crm.sales_deal_change(bigint, bigint, jsonb) IS
    'changes a deal''s title, amount (null: unknown), is_important, or gives it to somebody of its store (staff '
    'code); answers as crm.sales_deal(); RM875 when it is over, P0002 when it is in no list of the caller, 22023 '
    'names the member';
GRANT EXECUTE ON FUNCTION crm.sales_deal_change(bigint, bigint, jsonb) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

-- A note about the person is contact: what was asked for because nobody spoke to them is done.
CREATE FUNCTION crm._sales_deals_touched(person bigint, at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    touched record;
BEGIN
    FOR touched IN
        UPDATE crm.deal d SET touched_at = at
        WHERE d.customer_id = ANY (crm._identity_cluster(person)) AND d.outcome = 'open' AND d.touched_at < at
        RETURNING d.customer_id, d.deal_id
    LOOP
        PERFORM crm._sales_deal_progress(touched.customer_id, touched.deal_id, 'stage');
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_deals_touched(bigint, timestamptz) IS
    'enters in a person''s open deals when they were last spoken to, and closes the tasks that asked for it';

CREATE FUNCTION crm._sales_stalls() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    d record;
    due record;
    done int := 0;
BEGIN
    FOR d IN
        SELECT k.customer_id, k.deal_id, k.pipeline, k.stage, k.outcome, k.stage_no, k.title, k.store_id, k.staff_id FROM crm.deal k
        WHERE k.next_stall_at <= crm.core_now() ORDER BY k.next_stall_at LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        FOR due IN SELECT r.* FROM crm._sales_stall_rules(d.customer_id, d.deal_id) r WHERE r.at <= crm.core_now() ORDER BY r.rule_no LOOP
            IF crm._sales_task_put(d.customer_id, due.task_key, 'stall', d.title,
                    '', crm.core_now() + (crm._setting('sales.lead_hours') #>> '{}')::int * interval '1 hour',
                    d.store_id,
                    CASE WHEN due.rule ->> 'role' = 'clerk' THEN d.staff_id END, ('crm_' || (due.rule ->> 'role'))::name) IS NOT NULL THEN
                PERFORM crm._sales_deal_event(ROW(d.customer_id, d.deal_id, d.pipeline, d.stage, d.outcome,
                        d.stage_no)::crm.deal_key, 'stalled', d.stage, NULL, due.rule);
            END IF;
        END LOOP;
        PERFORM crm._sales_deal_watch(d.customer_id, d.deal_id);
        done := done + 1;
    END LOOP;
    RETURN CASE WHEN done = 500 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._sales_stalls() IS
    'job: of up to 500 deals that stand still by a rule of their stage makes the task of whoever the rule names '
    '(the region''s manager by the deal''s store), once a stay or silence; 1 when there may be more';
