-- service_article: what staff know. An article is found by the pairs of Chinese characters and the words it shares
-- with a question, each by how rare it is (BM25 without the length); a ticket remembers what was suggested when it
-- was opened, and its answer what it was given with.

CREATE FUNCTION crm._service_grams(words text) RETURNS TABLE (gram text, n bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT g.gram, count(*)
    FROM (SELECT (regexp_matches(lower(normalize(left(words, 20200), NFKC)), '[\u3400-\u4DBF\u4E00-\u9FFF]+|[a-z0-9]+', 'g'))[1] AS run) r
    CROSS JOIN LATERAL (
        SELECT substr(r.run, i, 2) AS gram FROM generate_series(1, greatest(length(r.run) - 1, 1)) i WHERE r.run !~ '^[a-z0-9]'
        UNION ALL SELECT left(r.run, 40) WHERE r.run ~ '^[a-z0-9]') g
    GROUP BY g.gram
$$;
COMMENT ON FUNCTION crm._service_grams(text) IS
    'what a text is found by: pairs of neighbouring Chinese characters (one that stands alone by itself), other '
    'words and numbers in lower case; each with how often';

CREATE FUNCTION crm._service_found(words text, topic text, most int) RETURNS TABLE (article_id bigint, score numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    articles bigint := (SELECT count(*) FROM crm.article a WHERE a.is_active);
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (SELECT q.gram FROM crm._service_grams(left(words, 2000)) q),
    hit AS MATERIALIZED (SELECT g.gram, g.article_id, g.weight, count(*) OVER (PARTITION BY g.gram) AS had
            FROM asked q JOIN crm.article_gram g ON g.gram = q.gram),
    summed AS (
        SELECT h.article_id, count(*) AS shared,
            sum(ln(1 + (articles - h.had + 0.5) / (h.had + 0.5)) * h.weight * 2.2 / (h.weight + 1.2)) AS score
            FROM hit h GROUP BY h.article_id)
    SELECT s.article_id, round((s.score * CASE WHEN a.topic = _service_found.topic THEN 1.5 ELSE 1 END)::numeric, 4)
    FROM summed s JOIN crm.article a ON a.article_id = s.article_id
    WHERE s.shared >= least(2, (SELECT count(*) FROM asked)) ORDER BY 2 DESC, 1 LIMIT most;
END
$$;
COMMENT ON FUNCTION crm._service_found(text, text, int) IS
    'active articles that share two words or pairs of characters with a text at least (one, when it has no more), '
    'the best first; one of the topic asked about counts half as much again';

CREATE FUNCTION crm._service_article_tell(article bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('article_id', a.article_id::text, 'title', a.title, 'body', a.body,
                                      'topic', a.topic, 'topic_zh', k.name_zh, 'topic_en', k.name_en,
                                      'is_active', a.is_active, 'used', a.used,
                                      'changed_by', a.changed_by, 'changed_at', a.changed_at)
            FROM crm.article a LEFT JOIN crm.ticket_topic k ON k.topic = a.topic WHERE a.article_id = article);
END
$$;
COMMENT ON FUNCTION crm._service_article_tell(bigint) IS 'an article as staff see it';

CREATE FUNCTION crm.service_articles(words text DEFAULT NULL, topic text DEFAULT NULL, max_rows int DEFAULT 20) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    most int := least(greatest(coalesce(max_rows, 20), 1), 200);
BEGIN
    IF coalesce(btrim(words), '') = '' THEN
        RETURN QUERY SELECT crm._service_article_tell(a.article_id) FROM crm.article a
            WHERE service_articles.topic IS NULL OR a.topic = service_articles.topic ORDER BY a.is_active DESC,
            a.used DESC, a.changed_at DESC, a.article_id LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT crm._service_article_tell(a.article_id) || jsonb_build_object('score', f.score)
        FROM crm._service_found(words, service_articles.topic, most) f
        JOIN crm.article a ON a.article_id = f.article_id ORDER BY f.score DESC, a.article_id;
END
$$;
COMMENT ON FUNCTION crm.service_articles(text, text, int) IS
    'articles that fit some words best first, or (no words) all of a topic (null: any), the most used first, those '
    'put away last; at most 200';
GRANT EXECUTE ON FUNCTION crm.service_articles(text, text, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_article(article bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._service_article_tell(article);
BEGIN
    IF answer IS NULL THEN
        RAISE EXCEPTION 'there is no such article' USING ERRCODE = 'no_data_found', COLUMN = 'article', HINT = 'crm.service_articles() lists them.';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.service_article(bigint) IS 'an article by its id; P0002';
GRANT EXECUTE ON FUNCTION crm.service_article(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_suggest(customer_id bigint, ticket_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(customer_id);
    made_for bigint := crm._service_made_for(person, ticket_id);
BEGIN
    RETURN QUERY
    SELECT s.one FROM crm.ticket t CROSS JOIN LATERAL (
        SELECT crm._service_article_tell(a.article_id) || jsonb_build_object('score', f.score) AS one, f.score,
            a.article_id FROM crm._service_found(concat_ws(' ', t.title, t.body), t.topic, 5) f
            JOIN crm.article a ON a.article_id = f.article_id) s
    WHERE t.customer_id = made_for AND t.ticket_id = service_suggest.ticket_id ORDER BY s.score DESC, s.article_id;
END
$$;
COMMENT ON FUNCTION crm.service_suggest(bigint, bigint) IS
    'the five articles that fit a ticket''s words best now; P0002 for a person out of scope, and when the ticket is '
    'in no list of the caller';
GRANT EXECUTE ON FUNCTION crm.service_suggest(bigint, bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_define_article(article bigint, title text, body text, topic text DEFAULT NULL,
                                           is_active boolean DEFAULT true) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    fault text := CASE WHEN coalesce(length(btrim(title)), 0) NOT BETWEEN 1 AND 200 THEN 'title'
        WHEN coalesce(length(btrim(body)), 0) NOT BETWEEN 1 AND 20000 THEN 'body'
                       WHEN topic IS NOT NULL AND NOT EXISTS (SELECT FROM crm.ticket_topic k
                               WHERE k.topic = service_define_article.topic) THEN 'topic' END;
    kept crm.article;
BEGIN
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'this is no article' USING ERRCODE = 'invalid_parameter_value', COLUMN = fault,
            HINT = 'Give a title of 1 to 200 characters, a body of 1 to 20000, and a topic of crm.service_topics() or none.';
    END IF;
    IF article IS NULL THEN
        INSERT INTO crm.article AS a (article_id, title, body, topic, is_active, changed_by, changed_at)
        VALUES (crm._new_id(), btrim(title), btrim(body), service_define_article.topic, coalesce(is_active, true),
                crm._actor(), crm.core_now()) RETURNING a.* INTO kept;
    ELSE
        UPDATE crm.article a SET title = btrim(service_define_article.title),
            body = btrim(service_define_article.body), topic = service_define_article.topic,
            is_active = coalesce(service_define_article.is_active, true),
               changed_by = crm._actor(), changed_at = crm.core_now() WHERE a.article_id = article RETURNING a.* INTO kept;
        IF kept.article_id IS NULL THEN
            RAISE EXCEPTION 'there is no such article' USING ERRCODE = 'no_data_found', COLUMN = 'article',
                HINT = 'crm.service_articles() lists them.';
        END IF;
        DELETE FROM crm.article_gram g WHERE g.article_id = kept.article_id;
    END IF;
    INSERT INTO crm.article_gram (gram, article_id, weight)
    SELECT g.gram, kept.article_id, sum(g.n * g.weight)
        FROM (SELECT x.gram, x.n, 3 AS weight FROM crm._service_grams(kept.title) x UNION ALL SELECT x.gram, x.n, 1
            FROM crm._service_grams(kept.body) x) g
    WHERE kept.is_active GROUP BY g.gram;
    PERFORM crm._audit('define', 'article', kept.article_id, NULL, NULL, left(kept.title, 100));
    RETURN crm._service_article_tell(kept.article_id);
END
$$;
COMMENT ON FUNCTION crm.service_define_article(bigint, text, text, text, boolean) IS
    'writes an article (null: a new one) of a topic (null: none in particular); one that is not active is neither '
    'found nor suggested; audited; P0002 for one that is not there, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.service_define_article(bigint, text, text, text, boolean) TO crm_service, crm_store_manager, crm_headquarters;

CREATE FUNCTION crm._service_use_article(article bigint) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
BEGIN
    IF article IS NULL THEN
        RETURN '{}';
    END IF;
    UPDATE crm.article a SET used = a.used + 1 WHERE a.article_id = article;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such article' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'article',
            HINT = 'Give one that crm.service_suggest() or crm.service_articles() told.';
    END IF;
    RETURN jsonb_build_object('article', article::text);
END
$$;
COMMENT ON FUNCTION crm._service_use_article(bigint) IS
    'counts an answer that was given with an article, and what its event says of it (null: nothing); 22023';

CREATE FUNCTION crm.service_knowledge(since date, until date) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    stores int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() IN ('crm_headquarters', 'crm_analyst');
BEGIN
    PERFORM crm._sales_span(since, until);
    RETURN QUERY
    WITH asked AS (
        SELECT t.topic, coalesce(e.detail -> 'articles', '[]') AS offered,
            EXISTS (SELECT FROM crm.ticket_event a WHERE a.customer_id = t.customer_id AND a.ticket_id = t.ticket_id
                AND a.detail ? 'article') AS is_used,
               EXISTS (SELECT FROM crm.ticket_event a WHERE a.customer_id = t.customer_id
                       AND a.ticket_id = t.ticket_id AND e.detail -> 'articles' ? (a.detail ->> 'article')) AS is_hit
        FROM crm.ticket t JOIN crm.ticket_event e ON e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id AND e.kind = 'opened'
        WHERE t.opened_at >= since::timestamp AT TIME ZONE zone
            AND t.opened_at < (until + 1)::timestamp AT TIME ZONE zone AND (is_wide OR t.store_id = ANY (stores)))
    SELECT jsonb_build_object('topic', a.topic, 'topic_zh', k.name_zh, 'topic_en', k.name_en, 'tickets', a.tickets,
                              'suggested', a.suggested, 'used', a.used, 'hits', a.hits,
                              'covered', round(a.suggested::numeric / nullif(a.tickets, 0), 4),
                                  'hit_rate', round(a.hits::numeric / nullif(a.suggested, 0), 4))
    FROM (SELECT x.topic, count(*) AS tickets, count(*) FILTER (WHERE x.offered <> '[]') AS suggested,
        count(*) FILTER (WHERE x.is_used) AS used, count(*) FILTER (WHERE x.is_hit) AS hits FROM asked x
        GROUP BY ROLLUP (x.topic)) a
    LEFT JOIN crm.ticket_topic k ON k.topic = a.topic WHERE a.tickets > 0 ORDER BY a.topic NULLS FIRST;
END
$$;
COMMENT ON FUNCTION crm.service_knowledge(date, date) IS
    'tickets opened on local days from since through until, of the caller''s stores, in all (topic null) and by '
    'topic: those for which an article was suggested as they were opened (covered: their share), answered with an '
    'article, and answered with one that was suggested (hit_rate: of those with a suggestion); 22023 for a span '
    'that is none';
GRANT EXECUTE ON FUNCTION crm.service_knowledge(date, date) TO crm_store_manager, crm_manager, crm_service, crm_analyst, crm_headquarters;
