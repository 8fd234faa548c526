-- outbox_guest: a message to an address that is nobody's yet (a phone that enrols itself).  It waits in the queue like any
-- other, under an id that is no person's; address and words are sealed beside it and are forgotten when it has ended.

CREATE FUNCTION crm._outbox_put_guest(guest bigint, message_id text, channel text, kind text, address text,
                                      address_hash bytea, body jsonb, expires_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    INSERT INTO crm.outbox_guest (message_id, address_sealed, body_sealed, expires_at)
    VALUES (_outbox_put_guest.message_id, crm._encrypt(_outbox_put_guest.kind, _outbox_put_guest.address),
            crm._encrypt('guest', _outbox_put_guest.body::text), _outbox_put_guest.expires_at);
    RETURN crm._outbox_put(guest, _outbox_put_guest.message_id, _outbox_put_guest.channel, NULL, NULL, false, '{}', crm.core_now(),
                           _outbox_put_guest.expires_at, _outbox_put_guest.address_hash);
END
$$;
COMMENT ON FUNCTION crm._outbox_put_guest(bigint, text, text, text, text, bytea, jsonb, timestamptz) IS
    'a message that whoever holds an address asked for, under an id that is no person''s (and leads its own, as '
    'ever): no consent, no cap and no quiet hours, never marketing; address by the code of its identifier kind; '
    'RM701 when no endpoint carries the channel';

CREATE FUNCTION crm._outbox_is_guest(message_id text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.outbox_guest g WHERE g.message_id = _outbox_is_guest.message_id AND g.expires_at > crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._outbox_is_guest(text) IS
    'whether a message goes to an address that is nobody''s yet, and may still go';

CREATE FUNCTION crm._outbox_guest_request(message crm.message_row, attempt int) RETURNS crm.queue_request
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    request crm.queue_request;
BEGIN
    SELECT message.customer_id, message.message_id, _outbox_guest_request.attempt, e.endpoint, e.url,
           crm._decrypt('endpoint', e.secret_sealed), crm._decrypt('endpoint', e.next_secret_sealed), e.timeout_ms, e.is_private_allowed,
           crm._outbox_body(crm._decrypt('guest', g.body_sealed)::jsonb, message.message_id, message.channel, crm._decrypt(k.code, g.address_sealed)),
           c.format = 'webhook', q.due_at
    INTO request
    FROM crm.outbox_guest g, crm.outbox_queue q, crm.endpoint e JOIN crm.connector c ON c.connector = e.connector, crm.channel ch
    JOIN crm.identifier_kind k ON k.kind = ch.identifier_kind
    WHERE g.message_id = message.message_id AND e.endpoint = message.endpoint AND ch.channel = message.channel
      AND q.customer_id = message.customer_id AND q.message_id = message.message_id;
    RETURN request;
END
$$;
COMMENT ON FUNCTION crm._outbox_guest_request(crm.message_row, int) IS
    'crm._outbox_request() of a message whose address and words are sealed beside it';

CREATE FUNCTION crm._outbox_forget_guests() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.outbox_guest g WHERE g.expires_at < crm.core_now();
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._outbox_forget_guests() IS
    'job: forgets addresses and words of guests'' messages that have ended; 0: nothing is left';

-- A code that somebody asked for has words of its own, and nothing to stop.
CREATE FUNCTION crm._outbox_as_asked(template text, words text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN CASE WHEN template = 'join_check' THEN replace(replace(words, '{{code}}', '{{coupon_code}}'),
            '{{minutes}}', '{{coupon_value}}') ELSE words END;
END
$$;
COMMENT ON FUNCTION crm._outbox_as_asked(text, text) IS
    'a text with the variables of messages that were asked for ({{code}}, {{minutes}}) under names that templates '
    'know, for checking';
