-- campaign_audience: a segment taken out for an advertising platform: hashes of addresses, of those who agreed,
-- written in the trail.

CREATE FUNCTION crm._campaign_hash(person bigint, channel text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT encode(sha256(convert_to(lower(crm._decrypt(k.code, i.value_sealed)), 'UTF8')), 'hex')
            FROM crm.channel ch JOIN crm.identifier_kind k ON k.kind = ch.identifier_kind
            JOIN crm.identifier i ON i.kind = k.kind AND i.value_hash = (crm._outbox_addresses(person, _campaign_hash.channel))[1]
            WHERE ch.channel = _campaign_hash.channel);
END
$$;
COMMENT ON FUNCTION crm._campaign_hash(bigint, text) IS
    'SHA-256 (hex) of the normalised value, in small letters, of the newest address of a person on a channel; null '
    'without one';

CREATE FUNCTION crm.campaign_audience(segment text, channel text, reason text, after bigint DEFAULT 0, max_rows int DEFAULT 1000) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    held numeric := crm._campaign_held_percent();
    most int := least(greatest(coalesce(max_rows, 1000), 1), 5000);
    answer jsonb;
BEGIN
    PERFORM crm._segment_require(segment);
    IF channel IS NULL OR channel NOT IN ('sms', 'email') THEN
        RAISE EXCEPTION 'audiences are of phones or e-mails' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'channel', HINT = 'Give sms or email.';
    END IF;
    PERFORM crm._access_check_reason(reason, 'an audience is taken out for a reason', 'Say for whom, and what for.');
    WITH page AS (
        SELECT m AS person FROM crm._segment_members(segment) m JOIN crm.customer c ON c.customer_id = m AND c.status = 'active'
        WHERE m > coalesce(after, 0) ORDER BY m LIMIT most),
    asked AS (
        SELECT p.person, CASE WHEN crm._campaign_is_held(p.person, held) THEN 'held_out'
                              WHEN crm._outbox_consent(p.person, channel) <> 'yes' THEN 'no_consent' END AS why,
                                  crm._campaign_hash(p.person, channel) AS hash
        FROM page p)
    SELECT jsonb_build_object('segment', segment, 'channel', channel, 'looked_at', count(*),
        'hashes', coalesce(jsonb_agg(DISTINCT a.hash) FILTER (WHERE a.why IS NULL AND a.hash IS NOT NULL), '[]'),
        'held_out', count(*) FILTER (WHERE a.why = 'held_out'), 'no_consent', count(*) FILTER (WHERE a.why = 'no_consent'),
        'no_address', count(*) FILTER (WHERE a.why IS NULL AND a.hash IS NULL),
        'next', CASE WHEN count(*) = most THEN max(a.person) END)
    INTO answer FROM asked a;
    PERFORM crm._audit('export', 'segment', NULL, channel, NULL, format('%s: %s addresses', segment, jsonb_array_length(answer -> 'hashes')), reason);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_audience(text, text, text, bigint, int) IS
    'SHA-256 of the phones or e-mails (as E.164, e-mails in small letters) of a segment''s persons who agreed to '
    'the channel and are not held out of everything, each address once; at most 5000 persons a call, after the '
    'cursor next of the one before; RM361, 22023; each call audited with its reason';
GRANT EXECUTE ON FUNCTION crm.campaign_audience(text, text, text, bigint, int) TO crm_marketer, crm_headquarters;
