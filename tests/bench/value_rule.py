#!/usr/bin/env python3
"""Rules and segments: a four-condition rule over everybody, its refresh, one person; set algebra from stored segments.

    tests/bench/value_rule.py [persons]

CPU seconds are the backend's own.  The peer is what a user would write instead, on the same tables: SQL over
plain orders.  The bars are those of the issue, for a million persons with twelve million orders.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import TOP, Server, Session, figure

PERSONS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
FULL = PERSONS >= 1000000
RULE = ('{"all": [{"kind": "purchase", "measure": "count", "days": 90, "op": ">=", "value": 2}, '
        '{"kind": "purchase", "measure": "sum", "days": 90, "op": ">", "value": 200}, '
        '{"kind": "value", "field": "tier", "value": ["S", "A", "D"]}, {"kind": "consent", "field": "sms", "value": "yes"}]}')


# bought of a category lately, never that product, spent on two categories in a year, consent
ITEMS = ('{"all": [{"kind": "item", "where": {"category": "bc3"}, "days": 180}, {"not": {"kind": "item", "where": {"product": "bp7"}}}, '
         '{"kind": "item", "measure": "sum", "field": "amount", "where": {"category": ["bc1", "bc2"]}, "days": 365, "op": ">", "value": 100}, '
         '{"kind": "consent", "field": "sms", "value": "yes"}]}')


# what else is asked of lines
LINES = {
    "lines of a store in 90 days": '{"kind": "item", "where": {"store": "bs7"}, "days": 90}',
    "three lines or more after six in the evening in 180 days": '{"kind": "item", "measure": "count", "days": 180, "at": {"from": "18:00", "to": "21:00"}, "op": ">=", "value": 3}',
    "the largest line of a category in a year over 100": '{"kind": "item", "measure": "max", "field": "amount", "where": {"category": "bc3"}, "days": 365, "op": ">", "value": 100}',
    "four stores or more in a year": '{"kind": "item", "measure": "distinct", "field": "store", "days": 365, "op": ">=", "value": 4}',
    "on two days one after the other, ever": '{"kind": "item", "measure": "streak", "op": ">=", "value": 2}',
    "one product on two days one after the other, ever": '{"kind": "item", "measure": "streak", "same": "product", "op": ">=", "value": 2}',
    "three lines of one product, ever": '{"kind": "item", "measure": "count", "same": "product", "op": ">=", "value": 3}',
    "lines of 90 days down by a third from the windows before": '{"kind": "item", "measure": "baseline", "days": 90, "op": "<=", "value": 0.7}'}


def bar(ok):
    return ok if FULL else None


def rules(session):
    first, count = session.timed(f"SELECT crm.rule_count('{RULE}')")
    again, _ = session.timed(f"SELECT crm.rule_count('{RULE}')")
    peer, same = session.timed("""
        SELECT count(*) FROM (SELECT m.customer_id FROM plain_order o JOIN crm.membership m USING (source_record_id)
            WHERE o.day >= date '2026-06-30' - 90 AND m.valid_to = 'infinity' GROUP BY 1 HAVING count(DISTINCT o.day) >= 2 AND sum(o.amount) > 20000) p
        JOIN crm.customer_value v USING (customer_id)
        WHERE v.tier IN ('S', 'A', 'D') AND (SELECT bool_and(s.state = 'yes') FROM (
            SELECT DISTINCT ON (c.source_record_id) c.state FROM crm.membership m JOIN crm.consent c USING (source_record_id)
            WHERE m.customer_id = p.customer_id AND m.valid_to = 'infinity' AND c.channel = 'sms' ORDER BY c.source_record_id, c.occurred_at DESC) s)""")
    figure(f"rule of four conditions, {PERSONS} persons, {count} fit, first", f"{first:.2f} s", f"{peer:.2f} s plain SQL ({same})", f"{first / peer:.2f}", "2 s",
           bar(first <= 2) and count == same if FULL else None)
    figure("the same again", f"{again:.2f} s", "", "", "", None)
    one, _ = session.timed(f"""DO $$ DECLARE n int := 0; BEGIN FOR g IN 1 .. 10000 LOOP
        IF crm.rule_matches('{RULE}', 1 + g * 37 % {PERSONS}) THEN n := n + 1; END IF; END LOOP; END $$""")
    figure("one person, four conditions", f"{one / 10000 * 1000:.3f} ms", "", "", "0.3 ms", one / 10000 * 1000 <= 0.3)


def items(session):
    """Products and categories, from packed lines."""
    ever, count = session.timed("""SELECT crm.rule_count('{"kind": "item", "where": {"category": "bc3"}}')""")
    figure(f"who ever bought of a category, {count}", f"{ever:.2f} s", "", "", "2 s", bar(ever <= 2))
    several, count = session.timed(f"SELECT crm.rule_count('{ITEMS}')")
    figure(f"three conditions on products and categories, and consent, {count}", f"{several:.2f} s", "", "", "2 s", bar(several <= 2))
    one, _ = session.timed(f"""DO $$ DECLARE n int := 0; BEGIN FOR g IN 1 .. 10000 LOOP
        IF crm.rule_matches('{ITEMS}', 1 + g * 37 % {PERSONS}) THEN n := n + 1; END IF; END LOOP; END $$""")
    figure("one person, the same", f"{one / 10000 * 1000:.3f} ms", "", "", "0.3 ms", one / 10000 * 1000 <= 0.3)
    for name, asked in LINES.items():
        cpu, count = session.timed(f"SELECT crm.rule_count('{asked}')")
        figure(f"{name}, {count}", f"{cpu:.2f} s", "", "", "2 s", bar(cpu <= 2))
        one, _ = session.timed(f"""DO $$ BEGIN FOR g IN 1 .. 5000 LOOP
            PERFORM crm.rule_matches('{asked}', 1 + g * 37 % {PERSONS}); END LOOP; END $$""")
        figure("one person, the same", f"{one / 5000 * 1000:.3f} ms", "", "", "0.3 ms", one / 5000 * 1000 <= 0.3)


def refresh(session):
    session.run(f"SELECT crm._segment_put('bench', 'bench', 'bench', 'living', '{RULE}')")
    fill, _ = session.timed("SELECT crm._segment_refresh()")
    figure("the segment of it, filled", f"{fill:.2f} s", "", "", "", None)
    changed = max(PERSONS // 100, 1)
    for turn in range(3):
        session.run(f"""SET crm.core_clock = '2026-06-30T12:0{turn + 1}:00+08:00'; UPDATE crm.purchase_chunk p SET history = coalesce(crm._purchase_add(p.history, ARRAY[date '2026-06-30' - {turn}], ARRAY[date '2026-06-30' - {turn}], ARRAY[15000]), p.history)
            FROM generate_series(1, {changed}) g WHERE p.source_record_id = 10000000000 + 1 + g * 97 % {PERSONS} AND p.from_day = '-infinity';
            SELECT crm._value_compute(array_agg(DISTINCT (1 + g * 97 % {PERSONS})::bigint), '2026-06-30', 'order') FROM generate_series(1, {changed}) g;
            SELECT crm._segment_mark(array_agg(DISTINCT (1 + g * 97 % {PERSONS})::bigint), 'order') FROM generate_series(1, {changed}) g""")
        cpu, _ = session.timed("SELECT crm._segment_refresh()")
    figure(f"refresh after {changed} changed persons", f"{cpu * 1000:.0f} ms", "", "", "150 ms", bar(cpu <= 0.15))
    figure("differences from everybody asked anew", session.run("SELECT count(*) FROM crm.segment_check()"), "", "", "0",
           session.run("SELECT count(*) FROM crm.segment_check()") == "0")


def algebra(session):
    """Ten million ordinals in three stored segments, of a half, a tenth and a hundredth of everybody."""
    ordinals = 10 * PERSONS
    session.run(f"""INSERT INTO crm.segment (segment_id, code, name_zh, name_en, kind, changed_by, changed_at)
        SELECT 900000 + n, 'algebra' || n, 'x', 'x', 'static', 'bench', crm.core_now() FROM generate_series(1, 3) n;
        INSERT INTO crm.segment_chunk (segment_id, chunk_no, members)
        SELECT 900000 + n, g >> 15, crm.bitmap_agg(g) FROM (VALUES (1, 2), (2, 10), (3, 100)) s (n, every), generate_series(0, {ordinals} - 1) g
        WHERE abs(hashint8(g * 3 + n)) % every = 0 GROUP BY n, g >> 15; ANALYZE crm.segment_chunk""")
    session.run("CREATE TEMP TABLE member AS SELECT k.segment_id, m AS person FROM crm.segment_chunk k, crm.bitmap_members(k.members) m WHERE k.segment_id > 900000; ANALYZE member")
    ask = """SELECT crm.segment_combine('{"but": [{"all": ["algebra1", "algebra2"]}, "algebra3"]}')"""
    session.run(ask)
    many, _ = session.timed("DO $$ BEGIN FOR i IN 1 .. 200 LOOP PERFORM crm.segment_combine('{\"but\": [{\"all\": [\"algebra1\", \"algebra2\"]}, \"algebra3\"]}'); END LOOP; END $$")
    peer, same = session.timed("""SELECT count(*) FROM member a JOIN member b ON b.segment_id = 900002 AND b.person = a.person
        WHERE a.segment_id = 900001 AND NOT EXISTS (SELECT FROM member c WHERE c.segment_id = 900003 AND c.person = a.person)""")
    ours = many / 200 * 1000
    figure(f"A and B and not C over {ordinals} persons, {session.run(ask)}", f"{ours:.2f} ms", f"{peer * 1000:.0f} ms plain SQL ({same})",
           f"{ours / peer / 1000:.4f}", "5 ms", bar(ours <= 5) and session.run(ask) == same if FULL else None)


def main():
    server = Server("bench_rule", "crm.worker_enabled=off")
    try:
        server.install()
        server.sql(open(f"{TOP}/tests/bench/value_rule.sql", encoding="utf-8").read(), persons=PERSONS)
        server.sql("CREATE TABLE plain_order AS SELECT p.source_record_id, e.day, e.amount_minor AS amount FROM crm.purchase_chunk p, crm.purchase_entries(p.history) e; ANALYZE plain_order")
        session = Session(server)
        rules(session)
        items(session)
        refresh(session)
        algebra(session)
    finally:
        subprocess.run([f"{TOP}/tests/bin/cluster", "remove", "bench_rule"], check=False)


if __name__ == "__main__":
    main()
