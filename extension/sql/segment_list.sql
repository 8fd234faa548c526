-- segment, lists of persons under merges: the survivor stands in for who was merged away, and steps back when the two
-- are parted.

CREATE FUNCTION crm._segment_stand_in(survivor bigint, other bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    list record;
BEGIN
    FOR list IN
        SELECT s.segment_id, NOT EXISTS (SELECT FROM crm.segment_member x WHERE x.customer_id = survivor
                AND x.segment_id = s.segment_id AND x.left_at = 'infinity') AS is_let_in
        FROM crm.segment s JOIN crm.segment_member m ON m.segment_id = s.segment_id
        WHERE s.kind = 'static' AND m.customer_id = other AND m.left_at = 'infinity' ORDER BY s.segment_id
    LOOP
        PERFORM crm._segment_store(list.segment_id, ARRAY[survivor], ARRAY[other], crm.core_now(), false);
        INSERT INTO crm.segment_stand_in AS i (customer_id, segment_id, stands_in, is_let_in)
            VALUES (other, list.segment_id, survivor, list.is_let_in)
        ON CONFLICT ON CONSTRAINT segment_stand_in_pkey DO UPDATE SET stands_in = excluded.stands_in, is_let_in = excluded.is_let_in;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._segment_stand_in(bigint, bigint) IS
    'lists take the survivor for who was merged away, and remember whether for that alone';

-- Up the merges: whoever was let in for the one before only, and stands in for nobody else of the list.
CREATE FUNCTION crm._segment_is_let_go(segment_id int, person bigint, was_let_in boolean) RETURNS boolean
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    segment int := _segment_is_let_go.segment_id;
    held record;
    another bigint;
BEGIN
    WHILE was_let_in LOOP
        SELECT min(i.customer_id) INTO another FROM crm.segment_stand_in i WHERE i.stands_in = person AND i.segment_id = segment;
        IF another IS NOT NULL THEN
            UPDATE crm.segment_stand_in i SET is_let_in = true WHERE i.customer_id = another AND i.segment_id = segment;
            RETURN false;
        END IF;
        DELETE FROM crm.segment_stand_in i WHERE i.customer_id = person AND i.segment_id = segment RETURNING i.stands_in, i.is_let_in INTO held;
        IF held.stands_in IS NULL THEN
            RETURN true;
        END IF;
        person := held.stands_in;
        was_let_in := held.is_let_in;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm._segment_is_let_go(int, bigint, boolean) IS
    'whether a person into whom somebody of the list was merged leaves it when that one is parted again: was let in '
    'for that alone, and stands in for nobody else';

CREATE FUNCTION crm._segment_step_back(restored bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    held record;
    person bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = restored AND c.status = 'active') THEN
        RETURN;
    END IF;
    FOR held IN SELECT i.* FROM crm.segment_stand_in i WHERE i.customer_id = restored ORDER BY i.segment_id LOOP
        person := crm._identity_current(held.stands_in);
        DELETE FROM crm.segment_stand_in i WHERE i.customer_id = restored AND i.segment_id = held.segment_id;
        -- who has been taken from the list since is not let in again under the old id
        CONTINUE WHEN NOT EXISTS (SELECT FROM crm.segment_member m WHERE m.customer_id = person
                AND m.segment_id = held.segment_id AND m.left_at = 'infinity');
        PERFORM crm._segment_store(held.segment_id, ARRAY[restored],
            CASE WHEN crm._segment_is_let_go(held.segment_id, held.stands_in, held.is_let_in) THEN ARRAY[person]
                ELSE '{}' END, crm.core_now(), false);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._segment_step_back(bigint) IS
    'who was merged away and is a person again is in the lists again in which the survivor stood in; the survivor '
    'stays only where in by right';
