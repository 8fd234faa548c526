#!/usr/bin/env python3
"""Records that find their person among a million (PERSONS=n for another number), on one connection.

The store is filled by the product's own way, a thousand newcomers a call.  Then single facts are told, each in a transaction
of its own and timed by the server around the call: newcomers, records that join somebody by a phone and a card, repeats,
revisions, orders of known members.  Then files of members, a third of whom join: identity alone, and the way of an import
from bytes to persons (validated and applied by the same connection).  Times are wall times, so other work on the machine
counts; CPU seconds of the one backend stand beside them.
"""
import json
import os
import time

from benchlib import Server, figure
from value import Backend

PERSONS = int(os.environ.get("PERSONS", "1000000"))
SINGLES = 3000
FILE = 30000

HELPERS = r"""
CREATE SCHEMA bench;
SELECT crm.ingest_define_source('bench_pos', 'till', 'pos', '{"priority": 10}'), crm.ingest_define_source('bench_mini', 'mini', 'mini_program', '{"priority": 20}');
SELECT crm.ingest_define_mapping('bench_mini', 'member', '{"fields": {"external_id": "external_id", "name": "name", "phone": "phone", "birthday": "birthday", "registered_at": "registered_at"}}');
-- the n-th person: a name of three characters out of 3.4 million, a phone, a birthday
CREATE FUNCTION bench.name(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT substr('王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗', 1 + (n % 20)::int, 1) || chr(19968 + (n / 20 % 400)::int * 16) || chr(20768 + (n / 8000 % 430)::int * 16) $$;
CREATE FUNCTION bench.phone(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '+8613' || lpad((n * 37 % 1000000000)::text, 9, '0') $$;
CREATE FUNCTION bench.fact(of text, label text, n bigint, ordinal bigint, note text DEFAULT NULL) RETURNS crm.member_fact LANGUAGE sql STABLE AS $$
    SELECT ROW(ordinal, (SELECT source_id FROM crm.source s WHERE s.code = of), label || n, 'member', NULL, 'store', '2026-01-05 04:00Z', '2026-01-05',
        ARRAY[ROW(1, '', bench.phone(n), 'x', right(bench.phone(n), 4), true)::crm.identifier_value, ROW(3, 'bench', 'C' || n, 'x', NULL, true)::crm.identifier_value],
        bench.name(n), NULL, NULL, DATE '1950-01-01' + (n % 20000)::int, false, NULL, NULL, NULL, NULL, note, '{}', NULL, false,
        convert_to(concat(label, n, note), 'UTF8'), '2026-01-05 04:00Z', NULL, NULL)::crm.member_fact $$;
CREATE PROCEDURE bench.fill(count bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR lowest IN 0 .. count - 1 BY 1000 LOOP
        PERFORM crm._identity_store_members(ARRAY(SELECT bench.fact('bench_pos', 'P', n, n - lowest) FROM generate_series(lowest, least(lowest + 1000, count) - 1) n));
        COMMIT;
    END LOOP;
END $$;
CREATE TABLE bench.took (what text, ms float8);
-- a fact at a time, as what: new, joining, repeated, revised; or an order of a known member
CREATE PROCEDURE bench.single(what text, lowest bigint, step bigint, count int) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    fact crm.member_fact;
    ref crm.record_ref;
    n bigint;
BEGIN
    FOR i IN 0 .. count - 1 LOOP
        n := lowest + i * step;
        fact := bench.fact(CASE what WHEN 'new' THEN 'bench_pos' WHEN 'joining' THEN 'bench_mini' ELSE 'bench_pos' END,
                           CASE what WHEN 'joining' THEN 'M' ELSE 'P' END, n, 1, CASE what WHEN 'revised' THEN 'again' END);
        ref := ROW(1, fact.source_id, 'member', fact.external_id, NULL, NULL, 'store', crm.core_now(), false, crm.core_now(), NULL, NULL)::crm.record_ref;
        began := clock_timestamp();
        IF what = 'order' THEN
            PERFORM crm._identity_attach(ARRAY[ref]);
        ELSE
            PERFORM crm._identity_store_members(ARRAY[fact]);
        END IF;
        INSERT INTO bench.took VALUES (what, extract(epoch FROM clock_timestamp() - began) * 1000);
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE bench.batch(lowest bigint, step bigint, count int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. count - 1 BY 1000 LOOP
        PERFORM crm._identity_store_members(ARRAY(SELECT bench.fact('bench_mini', 'B', lowest + (i + k) * step, k) FROM generate_series(0, 999) k));
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE bench.work() LANGUAGE plpgsql AS $$
BEGIN
    WHILE crm._ingest_validate() > 0 LOOP COMMIT; END LOOP;
    COMMIT;
    WHILE crm._ingest_apply() > 0 LOOP COMMIT; END LOOP;
    COMMIT;
END $$;
"""


def timed(backend, statement):
    began = time.time()
    spent, _ = backend.cpu(statement)
    return spent, time.time() - began


def fill(server):
    backend = Backend(server)
    spent, wall = timed(backend, f"CALL bench.fill({PERSONS});")
    backend.close()
    figure("newcomers by the thousand, records/s", f"{PERSONS / wall:.0f}", f"CPU {spent:.0f} s for {PERSONS:,}", "", "", None)
    server.sql("VACUUM ANALYZE crm.source_record, crm.membership, crm.identifier, crm.record_identifier, crm.customer, crm.external_key")


def singles(server):
    backend = Backend(server)
    step = max(1, PERSONS // SINGLES // 2 * 2 - 1)
    for what, first in (("new", PERSONS), ("joining", 1), ("repeated", 2), ("revised", 3), ("order", 4)):
        each = 1 if what == "new" else step
        backend.ask(f"CALL bench.single('{what}', {first}, {each}, 50);")       # plans and caches of a connection that is at work
        backend.ask("TRUNCATE bench.took;")
        spent, _ = timed(backend, f"CALL bench.single('{what}', {first + 50 * each}, {each}, {min(SINGLES, PERSONS // step) - 50});")
        count, middle, late = backend.ask("""SELECT count(*) || ' ' || percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) || ' ' ||
            percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) FROM bench.took;""")[0].split()
        bar = what in ("new", "joining")
        figure(f"one resolve of {PERSONS:,} persons, {what}, p99 ms", f"{float(late):.2f} (p50 {float(middle):.2f})", f"CPU {spent / int(count) * 1000:.2f} ms each with its commit", "",
               "< 2" if bar else "", float(late) < 2 if bar else None)
    backend.close()


def batches(server):
    backend = Backend(server)
    # two of three are persons that are not there yet
    spent, wall = timed(backend, f"CALL bench.batch({PERSONS // 2}, {max(1, PERSONS // 2 * 3 // FILE)}, {FILE});")
    figure("identity by the thousand, a third joining, records/s", f"{FILE / wall:.0f}", f"CPU {spent:.1f} s for {FILE:,}", "", ">= 3000", FILE / wall >= 3000)
    lines = [json.dumps({"external_id": f"F{n}", "phone": "13" + str(n * 37 % 1000000000).zfill(9), "registered_at": "2026-01-06T10:00:00+08:00"}) + "\n"
             for n in range(PERSONS - FILE // 3, PERSONS + FILE - FILE // 3)]
    pieces = ["".join(lines[at:at + 1000]).encode() for at in range(0, FILE, 1000)]
    backend.ask("SELECT crm.ingest_bulk_begin('bench_mini', 'member', 'ndjson', 'utf8', '{\"history\": true, \"lenient\": true}') AS batch \\gset")
    began = time.time()
    spent = 0
    for number, piece in enumerate(pieces):
        spent += backend.cpu(f"SELECT crm.ingest_bulk_append(:batch, {number}, '\\x{piece.hex()}');")[0]
    spent += backend.cpu(f"SELECT crm.ingest_bulk_commit(:batch, {sum(map(len, pieces))});")[0]
    spent += backend.cpu("CALL bench.work();")[0]
    wall = time.time() - began
    found = server.sql("SELECT count(*) FROM crm.external_key WHERE external_id ~ '^F[0-9]+$'")
    figure("import of members with their persons, one connection, records/s", f"{FILE / wall:.0f}", f"CPU {spent:.1f} s; {found} records", "", ">= 3000", FILE / wall >= 3000)
    backend.close()


def main():
    server = Server("bench-resolve", "max_worker_processes=0")
    try:
        server.install()
        server.sql(HELPERS)
        fill(server)
        singles(server)
        batches(server)
        drift = server.sql("SELECT count(*) FROM crm.identity_check()") if PERSONS <= 200000 else "not asked"
        figure("differences from a new computation", drift, "", "", "0", drift in ("0", "not asked"))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
