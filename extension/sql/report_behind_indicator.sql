-- report: who stands behind those of the twelve indicators that are no cell of the packed persons: rows of the same
-- definitions that the figures are made of.

CREATE FUNCTION crm._report_indicator_rows(stores int[], indicator text, is_met boolean, days date[]) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    IF indicator = 'redemption' THEN
        -- of whatever stores: who is of those asked for is looked at until the page is full
        RETURN QUERY SELECT k.customer_id FROM crm._report_issued(NULL, days[1], days[2], zone) k WHERE NOT is_met OR k.is_redeemed;
    ELSE
        RETURN QUERY SELECT w.customer_id FROM crm._report_work_facts(stores, days[1]::timestamp AT TIME ZONE zone,
                (days[2] + 1)::timestamp AT TIME ZONE zone) w
                     WHERE w.indicator = _report_indicator_rows.indicator;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_indicator_rows(int[], text, boolean, date[]) IS
    'whose coupons, deals and tickets an indicator of a span counts, under the ids these have; is_met: those of '
    'them who redeemed';

CREATE FUNCTION crm._report_behind_indicator(stores int[], indicator text, is_met boolean, days date[],
                                             after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    IF indicator = 'first_order' THEN
        RETURN QUERY
        SELECT p.customer_id FROM (SELECT b.* FROM crm._report_beginners(stores, days[1], days[2]) b
                WHERE b.customer_id > after_id ORDER BY b.customer_id OFFSET 0) p
        WHERE NOT is_met OR crm._report_has_begun(p.customer_id, p.registered_on) ORDER BY 1 LIMIT row_limit;
    ELSIF indicator IN ('recall', 'roi') THEN       -- of the chain alone; what was bought is looked at until the page is full
        RETURN QUERY
        SELECT DISTINCT p.customer_id FROM (
            SELECT k.customer_id, k.day FROM crm._report_recalled(days[1] - 30, days[2] - 30) k
                WHERE k.arm = 'treatment' AND k.customer_id > after_id ORDER BY k.customer_id OFFSET 0) p
        WHERE stores IS NULL AND (NOT is_met OR crm.purchase_order_days(crm._purchase_history(p.customer_id), p.day,
                    p.day + 30, 'infinity') > 0) ORDER BY 1 LIMIT row_limit;
    ELSE
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(SELECT * FROM crm._report_indicator_rows(stores, indicator, is_met, days)),
                                                       CASE WHEN indicator = 'redemption' THEN stores END, after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_indicator(int[], text, boolean, date[], bigint, int) IS
    'persons whom an indicator of a span divides by, or those of them who did it; of recall and ROI those whom '
    'flows called back, of the chain alone; nobody for what is no indicator';
