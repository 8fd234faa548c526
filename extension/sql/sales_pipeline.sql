-- sales_pipeline: the stages that a chain's longer sales go through, as headquarters describes them; what staff can do.

CREATE FUNCTION crm._sales_stall_faults(stalls jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    one jsonb;
BEGIN
    IF jsonb_typeof(stalls) IS DISTINCT FROM 'array' OR jsonb_array_length(stalls) > 10 THEN
        RETURN true;
    END IF;
    FOR one IN SELECT e FROM jsonb_array_elements(stalls) e LOOP
        IF jsonb_typeof(one) <> 'object' OR (one ? 'hours') = (one ? 'days') OR (one - '{hours,days,since,role,important}'::text[]) <> '{}'
           OR NOT crm._sales_is_whole(coalesce(one -> 'hours', one -> 'days'), 8760)
           OR (one ->> 'since' IN ('stage', 'contact')) IS NOT TRUE
               OR (one ->> 'role' IN ('clerk', 'store_manager', 'manager', 'headquarters')) IS NOT TRUE
           OR jsonb_typeof(coalesce(one -> 'important', 'false')) <> 'boolean' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm._sales_stall_faults(jsonb) IS
    'whether a stage''s rules of standing still do not fit: a list of at most 10, each with hours or days (1 to '
    '8760), since stage or contact, role, and important or not';

CREATE FUNCTION crm._sales_stage_fault(s jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce(crm._unknown_member(s, '{stage,name_zh,name_en,outcome,expected_days,evidence,stalls}', 'stages'),
        CASE WHEN (s ->> 'stage' ~ '^[a-z][a-z0-9_]{0,62}$') IS NOT TRUE THEN 'stage'
             WHEN (length(btrim(s ->> 'name_zh')) BETWEEN 1 AND 100) IS NOT TRUE THEN 'name_zh'
             WHEN s ? 'name_en' AND (length(btrim(s ->> 'name_en')) BETWEEN 1 AND 100) IS NOT TRUE THEN 'name_en'
             WHEN (coalesce(s ->> 'outcome', 'open') IN ('open', 'won', 'lost')) IS NOT TRUE THEN 'outcome'
             WHEN jsonb_typeof(s -> 'expected_days') <> 'null' AND NOT crm._sales_is_whole(s -> 'expected_days', 3650) THEN 'expected_days'
             WHEN s ? 'evidence' AND (jsonb_typeof(s -> 'evidence') <> 'array' OR EXISTS (
                 SELECT FROM jsonb_array_elements(CASE jsonb_typeof(s -> 'evidence') WHEN 'array' THEN s -> 'evidence' ELSE '[]' END) e
                 WHERE jsonb_typeof(e) <> 'string' OR e #>> '{}' !~ '^[a-z][a-z0-9_]{0,62}$')) THEN 'evidence'
             WHEN s ? 'stalls' AND crm._sales_stall_faults(s -> 'stalls') THEN 'stalls' END);
END
$$;
COMMENT ON FUNCTION crm._sales_stage_fault(jsonb) IS 'the member of a stage that does not fit; null when it does';

-- What a description says beside being valid: advice, not a refusal.
CREATE FUNCTION crm._sales_pipeline_warnings(pipeline text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    steps bigint := (SELECT count(*) FROM crm.pipeline_stage s WHERE s.pipeline = _sales_pipeline_warnings.pipeline AND s.outcome <> 'lost');
BEGIN
    RETURN CASE WHEN steps NOT BETWEEN 4 AND 6
        THEN jsonb_build_array(format('%s stages: 4 to 6 are what people keep in mind and to', steps)) ELSE '[]' END;
END
$$;
COMMENT ON FUNCTION crm._sales_pipeline_warnings(text) IS
    'what speaks against a pipeline: fewer than 4 or more than 6 stages, those of lost deals apart';

CREATE FUNCTION crm._sales_pipeline(pipeline text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('pipeline', p.pipeline, 'name_zh', p.name_zh, 'name_en', p.name_en, 'is_active', p.is_active,
                'stages', (SELECT jsonb_agg(jsonb_build_object('stage', s.stage, 'name_zh', s.name_zh,
                    'name_en', s.name_en, 'outcome', s.outcome, 'expected_days', s.expected_days,
                    'evidence', s.evidence, 'stalls', s.stalls) ORDER BY s.position) FROM crm.pipeline_stage s WHERE s.pipeline = p.pipeline),
                'warnings', crm._sales_pipeline_warnings(p.pipeline))
            FROM crm.pipeline p WHERE p.pipeline = _sales_pipeline.pipeline);
END
$$;
COMMENT ON FUNCTION crm._sales_pipeline(text) IS 'a pipeline with its stages in their order, and what speaks against it';

CREATE FUNCTION crm.sales_pipelines() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT crm._sales_pipeline(p.pipeline) FROM crm.pipeline p ORDER BY NOT p.is_active, p.pipeline;
END
$$;
COMMENT ON FUNCTION crm.sales_pipelines() IS
    'pipelines, those in use first: names, stages in their order (outcome open, won or lost; expected_days; '
    'evidence that has to be handed in before a deal goes on; stalls: after how long at the stage, or without '
    'contact, whose task it becomes), warnings';
GRANT EXECUTE ON FUNCTION crm.sales_pipelines() TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters, crm_marketer;

CREATE FUNCTION crm._sales_require_stages(stages jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(stages) IS DISTINCT FROM 'array' OR jsonb_array_length(stages) NOT BETWEEN 2 AND 20 THEN
        wrong := 'stages';
    ELSE
        wrong := coalesce((SELECT crm._sales_stage_fault(e) FROM jsonb_array_elements(stages) WITH ORDINALITY a (e, n)
            WHERE crm._sales_stage_fault(e) IS NOT NULL ORDER BY n LIMIT 1),
            (SELECT 'stage' FROM jsonb_array_elements(stages) e GROUP BY e ->> 'stage' HAVING count(*) > 1 LIMIT 1),
            CASE WHEN coalesce(stages -> 0 ->> 'outcome', 'open') <> 'open'
                   OR NOT EXISTS (SELECT FROM jsonb_array_elements(stages) e WHERE e ->> 'outcome' = 'won')
                   OR NOT EXISTS (SELECT FROM jsonb_array_elements(stages) e WHERE e ->> 'outcome' = 'lost') THEN 'outcome' END);
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" does not fit a pipeline', wrong
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'A pipeline has 2 to 20 stages with codes of their own; the first is open, one at least is won and one lost; a stage has stage, name_zh, name_en, outcome, expected_days, evidence and stalls.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_require_stages(jsonb) IS '22023 naming the member of a pipeline''s stages that does not fit';

CREATE FUNCTION crm.sales_define_pipeline(pipeline text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'sales_define_pipeline', convert_to(jsonb_build_array(pipeline, spec)::text, 'UTF8'));
    known constant text[] := '{name_zh,name_en,is_active,stages}';
    wrong text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    wrong := coalesce(crm._unknown_member(spec, known),
                      CASE WHEN coalesce(pipeline, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN 'pipeline'
                           WHEN jsonb_typeof(coalesce(spec -> 'is_active', 'true')) <> 'boolean' THEN 'is_active' END);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'pipeline has no proper code or a member that does not fit'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
                HINT = format('Members are %s; is_active is true or false.', array_to_string(known, ', '));
    END IF;
    PERFORM crm._sales_require_stages(CASE WHEN spec ? 'stages'
                                           OR NOT EXISTS (SELECT FROM crm.pipeline p
                                           WHERE p.pipeline = sales_define_pipeline.pipeline)
                                           THEN spec -> 'stages' ELSE crm._sales_pipeline(pipeline) -> 'stages' END);
    INSERT INTO crm.pipeline AS p (pipeline, name_zh, name_en, is_active)
    VALUES (sales_define_pipeline.pipeline, left(coalesce(nullif(btrim(spec ->> 'name_zh'), ''), pipeline), 100),
        left(coalesce(nullif(btrim(spec ->> 'name_en'), ''), pipeline), 100),
        coalesce((spec -> 'is_active')::boolean, true))
    ON CONFLICT ON CONSTRAINT pipeline_pkey DO UPDATE SET name_zh = CASE WHEN spec ? 'name_zh' THEN excluded.name_zh ELSE p.name_zh END,
        name_en = CASE WHEN spec ? 'name_en' THEN excluded.name_en ELSE p.name_en END, is_active = CASE
            WHEN spec ? 'is_active' THEN excluded.is_active ELSE p.is_active END;
    IF spec ? 'stages' THEN
        PERFORM crm._sales_put_stages(pipeline, spec -> 'stages');
    END IF;
    PERFORM crm._audit('edit', 'pipeline', NULL, pipeline, NULL, left(spec::text, 2000));
    answer := crm._sales_pipeline(pipeline);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_define_pipeline(text, jsonb, text) IS
    'makes or changes a pipeline (name_zh, name_en, is_active, stages in their order as crm.sales_pipelines() tells '
    'them) and answers it with warnings; audited; RM874 when a deal stands or stood at a stage that would go; 22023 '
    'names the member';
GRANT EXECUTE ON FUNCTION crm.sales_define_pipeline(text, jsonb, text) TO crm_headquarters;

CREATE FUNCTION crm._sales_put_stages(pipeline text, stages jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    held text := (SELECT s.stage FROM crm.pipeline_stage s
                  WHERE s.pipeline = _sales_put_stages.pipeline
                      AND NOT EXISTS (SELECT FROM jsonb_array_elements(stages) e WHERE e ->> 'stage' = s.stage)
                    AND EXISTS (SELECT FROM crm.deal d WHERE d.pipeline = s.pipeline AND d.stage = s.stage) ORDER BY s.position LIMIT 1);
BEGIN
    IF held IS NOT NULL THEN
        RAISE EXCEPTION 'deals stand at the stage "%"', held
            USING ERRCODE = 'RM874', COLUMN = 'stages', HINT = 'Move them first, or keep the stage.';
    END IF;
    DELETE FROM crm.pipeline_stage s WHERE s.pipeline = _sales_put_stages.pipeline
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(stages) e WHERE e ->> 'stage' = s.stage);
    INSERT INTO crm.pipeline_stage AS s (pipeline, position, stage, name_zh, name_en, outcome, expected_days, evidence, stalls)
    SELECT _sales_put_stages.pipeline, a.n * 10, a.e ->> 'stage', btrim(a.e ->> 'name_zh'),
        btrim(coalesce(a.e ->> 'name_en', a.e ->> 'stage')), coalesce(a.e ->> 'outcome', 'open'),
           (a.e ->> 'expected_days')::int, coalesce(a.e -> 'evidence', '[]'), coalesce(a.e -> 'stalls', '[]')
    FROM jsonb_array_elements(stages) WITH ORDINALITY a (e, n)
    ON CONFLICT ON CONSTRAINT pipeline_stage_pkey DO UPDATE SET position = excluded.position,
        name_zh = excluded.name_zh, name_en = excluded.name_en, outcome = excluded.outcome,
        expected_days = excluded.expected_days, evidence = excluded.evidence, stalls = excluded.stalls;
    -- open deals are judged by the new rules from now on
    UPDATE crm.deal d SET next_stall_at = crm.core_now() WHERE d.pipeline = _sales_put_stages.pipeline AND d.outcome = 'open';
END
$$;
COMMENT ON FUNCTION crm._sales_put_stages(text, jsonb) IS
    'replaces the stages of a pipeline; RM874 when a deal stands at one that would go';

CREATE FUNCTION crm.sales_set_skills(staff text, skills text[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._sales_staff(staff);
BEGIN
    IF id IS NULL OR skills IS NULL OR cardinality(skills) > 20
        OR EXISTS (SELECT FROM unnest(skills) k WHERE (k ~ '^[a-z][a-z0-9_]{0,62}$') IS NOT TRUE) THEN
        RAISE EXCEPTION 'a staff member has at most 20 skills with codes'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE WHEN id IS NULL THEN 'staff' ELSE 'skills' END,
                HINT = 'Give a staff code and skills like gold or cake_tables.';
    ELSIF crm._actor_role() <> 'crm_headquarters' AND NOT crm._sales_reaches(id, crm.access_store_ids()) THEN
        RAISE EXCEPTION 'there is no staff member "%" in your stores', left(staff, 100)
            USING ERRCODE = 'no_data_found', COLUMN = 'staff', HINT = 'crm.sales_staff() has those who work there.';
    END IF;
    DELETE FROM crm.staff_skill k WHERE k.staff_id = id AND k.skill <> ALL (skills);
    INSERT INTO crm.staff_skill (staff_id, skill) SELECT DISTINCT id, k FROM unnest(skills) k ON CONFLICT DO NOTHING;
    PERFORM crm._audit('edit', 'staff', id, 'skills', NULL, array_to_string(skills, ','));
    RETURN jsonb_build_object('staff', staff, 'skills', (SELECT coalesce(jsonb_agg(k.skill ORDER BY k.skill), '[]')
            FROM crm.staff_skill k WHERE k.staff_id = id));
END
$$;
COMMENT ON FUNCTION crm.sales_set_skills(text, text[]) IS
    'what a staff member can do better than others (gold: served the best customers); deals are given by it; '
    'audited; P0002 for who works in none of the caller''s stores, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.sales_set_skills(text, text[]) TO crm_store_manager, crm_manager, crm_headquarters;
