#!/usr/bin/env python3
"""Customer value beside DuckDB (its native table, one thread) and plain SQL, in the same run.

Sizes are orders; persons are a twelfth of them, one in ten has two records.  What is compared answers the same
question: per person the last day, the days with net > 0 and their net, then three scores of five.
Usage: tests/bench/value.py [orders in millions ...]      default 10; 1 million is always run
"""
import json
import os
import subprocess
import sys
import threading

from benchlib import TOP, Server, cpu_seconds, figure, rss_mb

DAYS = """SELECT customer_id, max(business_day) AS last_day, count(*) AS order_days, sum(net) AS net FROM (
    SELECT customer_id, business_day, sum(minor) AS net FROM bench_order JOIN bench_owner USING (source_record_id)
    GROUP BY customer_id, business_day HAVING sum(minor) > 0) d GROUP BY customer_id"""
PLAIN = f"""SELECT customer_id, ntile(5) OVER (ORDER BY last_day) AS r, ntile(5) OVER (ORDER BY order_days) AS f,
    ntile(5) OVER (ORDER BY net) AS m, last_day, order_days, net FROM ({DAYS}) p"""
ANSWER = "SELECT count(*), sum(r), sum(f), sum(m), sum(order_days), sum({net}) FROM ({query}) s"
ORDERS = """SELECT s.* FROM (SELECT crm.value_collect(source_record_id, business_day, minor) AS state FROM bench_order) o,
    (SELECT crm.value_collect_owners(source_record_id, customer_id) AS state FROM bench_owner) w,
    LATERAL crm.value_scored(o.state, w.state, NULL, '2030-01-01', 'ntile') s"""
HISTORIES = """SELECT s.* FROM (SELECT crm.value_collect(source_record_id, history) AS state FROM bench_chunk) o,
    (SELECT crm.value_collect_owners(source_record_id, customer_id) AS state FROM bench_owner) w,
    LATERAL crm.value_scored(o.state, w.state, NULL, '2030-01-01', '{method}') s"""
SET = "SET max_parallel_workers_per_gather = 0; SET enable_material = off; SET work_mem = '256MB'; SET jit = off;"


class Backend:
    """One psql whose backend's CPU is read before and after each statement."""

    def __init__(self, server):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", "crm", "-v", "ON_ERROR_STOP=1"], env=server.env, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.ask(SET)
        self.pid = int(self.ask("SELECT pg_backend_pid();")[0])

    def ask(self, statement):
        self.psql.stdin.write(statement + "\n\\echo ===\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.strip() == "===":
                return lines
            lines.append(line.strip())
        raise RuntimeError("\n".join(lines))

    def cpu(self, statement):
        before = cpu_seconds([self.pid])
        answer = self.ask(statement)
        return cpu_seconds([self.pid]) - before, answer

    def watch(self, statement):
        """As cpu(), and the most anonymous memory in MB that the backend was seen with."""
        most = [0]
        done = threading.Event()

        def look():
            while not done.wait(0.01):
                status = open(f"/proc/{self.pid}/status").read()
                most[0] = max(most[0], int(status.split("RssAnon:")[1].split()[0]) / 1024)
        watcher = threading.Thread(target=look)
        watcher.start()
        answer = self.cpu(statement)
        done.set()
        watcher.join()
        return (*answer, most[0])

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def duckdb(database, *statements):
    done = subprocess.run(["node", f"{TOP}/tests/bench/duckdb.js", database, *statements], cwd=TOP, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.strip().split("\n")]


def best(times):
    return min(times, key=lambda run: run[0])


def prepare(server, orders, folder):
    persons = orders // 12
    server.sql(f"""
        SET max_parallel_workers_per_gather = 0;
        DROP TABLE IF EXISTS bench_order, bench_owner, bench_chunk;
        SELECT setseed(0.5);
        CREATE TABLE bench_order AS SELECT 1 + floor({persons} * random() * sqrt(random()))::bigint AS source_record_id,
            date '2024-01-01' + (g * 900 / {orders})::int AS business_day, 1000 + (random() * 30000)::bigint AS minor FROM generate_series(1::bigint, {orders}) g;
        CREATE TABLE bench_owner AS SELECT g::bigint AS source_record_id, 10000000 + (g - (g % 10 = 9)::int)::bigint AS customer_id FROM generate_series(1, {persons}) g;
        CREATE TABLE bench_chunk AS SELECT source_record_id, (row_number() OVER w - 1) / 128 AS chunk_no, business_day, minor FROM bench_order WINDOW w AS (PARTITION BY source_record_id ORDER BY business_day);
        ALTER TABLE bench_chunk RENAME TO bench_part;
        CREATE TABLE bench_chunk AS SELECT source_record_id, chunk_no, crm.purchase_history(array_agg(business_day), array_agg(business_day), array_agg(minor)) AS history
        FROM bench_part GROUP BY 1, 2;
        DROP TABLE bench_part;
        VACUUM ANALYZE bench_order, bench_owner, bench_chunk;""".replace("VACUUM ANALYZE bench_order, bench_owner, bench_chunk;", ""))
    server.sql("VACUUM ANALYZE bench_order; VACUUM ANALYZE bench_owner; VACUUM ANALYZE bench_chunk;")
    os.makedirs(folder, exist_ok=True)
    for table in ("bench_order", "bench_owner"):
        with open(f"{folder}/{table}.csv", "w") as out:
            subprocess.run(["psql", "-X", "-q", "-d", "crm", "-c", f"COPY {table} TO STDOUT (FORMAT csv, HEADER)"], env=server.env, stdout=out, check=True)


def rfm(server, millions):
    orders = int(millions * 1000000)
    folder = f"{TOP}/build/bench/value"
    prepare(server, orders, folder)
    database = f"{folder}/duck.db"
    if os.path.exists(database):
        os.remove(database)
    computed = ANSWER.format(net="net", query=PLAIN)
    duck = duckdb(database, f"CREATE TABLE bench_order AS SELECT * FROM read_csv('{folder}/bench_order.csv')",
                  f"CREATE TABLE bench_owner AS SELECT * FROM read_csv('{folder}/bench_owner.csv')",
                  computed, computed, f"CREATE TABLE kept AS {PLAIN}", f"CREATE OR REPLACE TABLE kept AS {PLAIN}")
    duck_computed = min(duck[2]["cpu"], duck[3]["cpu"])
    duck_stored = min(duck[4]["cpu"], duck[5]["cpu"])
    name = f"RFM of {millions:g} million orders"
    backend = Backend(server)
    plain = backend.cpu(computed + ";")
    backend.close()
    backend = Backend(server)
    ours = [backend.watch(ANSWER.format(net="net_minor", query=ORDERS) + ";") for _ in range(2)]
    memory = max(run[2] for run in ours)
    same = ours[0][1] == plain[1] == ["|".join(duck[2]["row"])]
    ours = best(ours)[0]
    figure(f"{name}, from orders: same answer", ours and same, "", "", "true", same)
    figure(f"{name}, from orders, CPU s", f"{ours:.2f}", f"DuckDB {duck_computed:.2f}", f"{ours / duck_computed:.2f}", "<= 1.2", ours <= 1.2 * duck_computed)
    figure(f"{name}, from orders, CPU s", f"{ours:.2f}", f"plain SQL {plain[0]:.2f}", f"{ours / plain[0]:.2f}", "<= 0.2", ours <= 0.2 * plain[0])
    figure(f"{name}, from orders, anonymous memory MB", f"{memory:.0f}", "", "", "< 300", memory < 300 if millions <= 10 else None)
    backend.close()
    backend = Backend(server)
    kept = best([backend.cpu(ANSWER.format(net="net_minor", query=HISTORIES.format(method="ntile")) + ";") for _ in range(2)])
    figure(f"{name}, from histories: same answer", kept[1] == plain[1], "", "", "true", kept[1] == plain[1])
    figure(f"{name}, from histories, ntile, CPU s", f"{kept[0]:.2f}", f"DuckDB {duck_computed:.2f}", f"{kept[0] / duck_computed:.2f}", "<= 0.33", kept[0] <= duck_computed / 3)
    ties = best([backend.cpu(ANSWER.format(net="net_minor", query=HISTORIES.format(method="quintile")) + ";") for _ in range(2)])[0]
    figure(f"{name}, from histories, quintile, CPU s", f"{ties:.2f}", f"DuckDB {duck_computed:.2f}", f"{ties / duck_computed:.2f}", "<= 0.33", ties <= duck_computed / 3)
    stored = backend.cpu(f"CREATE TABLE bench_kept AS {HISTORIES.format(method='quintile')}; DROP TABLE bench_kept;")[0]
    figure(f"{name}, from histories, stored, CPU s", f"{stored:.2f}", f"DuckDB {duck_stored:.2f}", f"{stored / duck_stored:.2f}", "<= 0.6", stored <= 0.6 * duck_stored)
    backend.close()
    return duck_computed


def forecast(server):
    server.sql("""
        CREATE FUNCTION pg_temp.live(days int, OUT x int, OUT tx int) LANGUAGE plpgsql AS $$
        DECLARE
            rate float8 := -ln(1 - random()) / 90;
            leaves float8 := random() * random();
            at float8 := 0;
        BEGIN
            x := 0;
            tx := 0;
            WHILE random() >= leaves LOOP
                at := at - ln(1 - random()) / rate;
                EXIT WHEN at > days;
                x := x + 1;
                tx := at;
            END LOOP;
        END $$;
        SELECT setseed(0.3);
        CREATE TABLE bench_person AS SELECT x::float8, tx::float8, days::float8 AS age
        FROM (SELECT 30 + floor(random() * 700)::int AS days FROM generate_series(1, 1000000)) p, pg_temp.live(days);
        VACUUM ANALYZE bench_person""".replace("VACUUM ANALYZE bench_person", ""))
    server.sql("VACUUM ANALYZE bench_person")
    backend = Backend(server)
    for model in ("bgnbd", "mbgnbd"):
        spent, answer = best([backend.cpu(f"SELECT f.status, f.pattern_count, f.evaluations FROM (SELECT (crm.value_fit_{model}(x, tx, age)).* FROM bench_person) f;") for _ in range(2)])
        status, patterns, evaluations = answer[0].split("|")
        figure(f"{model} of one million persons ({patterns} patterns, {evaluations} evaluations, {status}), CPU s", f"{spent:.2f}", "", "",
               "<= 2", spent <= 2 if model == "bgnbd" else None)
    backend.close()


def members(server, persons):
    """The product's own tables: persons, records, histories of what the bench tables hold; every value, score and segment."""
    server.sql(f"""
        INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9001, 'bench', 'bench', 'pos', '2024-01-01');
        INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
        SELECT g, 9001, 'member', 'm' || g, true, '2024-01-01' FROM generate_series(1, {persons}) g;
        INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
        SELECT DISTINCT customer_id, 'active', '2024-01-01'::timestamptz, '2024-01-01'::date, '2024-01-01'::timestamptz FROM bench_owner;
        INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT source_record_id, '2024-01-01', customer_id FROM bench_owner;
        INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
        SELECT source_record_id, CASE WHEN chunk_no = 0 THEN '-infinity' ELSE crm.purchase_first_day(history, 'infinity') END, history FROM bench_chunk;
        UPDATE crm.rfm_model SET is_live = is_active;""")
    clock = "SET crm.core_clock = '2026-06-19T12:00:00+08'; "
    server.sql(clock + "SELECT crm.value_refresh()")
    for _ in range(400):
        if server.sql(clock + "SELECT crm._value_daily()") == "0":
            break
    server.sql(clock + "ANALYZE crm.customer; SELECT crm._segment_refresh()")
    for table in ("customer_value", "purchase_chunk", "customer", "membership", "rfm_score", "segment_member", "segment_ordinal"):
        server.sql(f"VACUUM ANALYZE crm.{table}")
    # what was written so far is set aside for new WAL, as much as min_wal_size says: a server that has run for a day fills no new files with zeros
    server.sql("CHECKPOINT")


def until_done(backend, job):
    """CPU of a job, a transaction a piece, as the worker runs it; by the scheduler's count, for a run of some milliseconds is few ticks."""
    before = scheduled_seconds(backend.pid)
    while backend.ask(f"SELECT crm.{job}();") != ["0"]:
        pass
    return scheduled_seconds(backend.pid) - before


def scheduled_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def increment(backend, every, rest):
    """CPU of values, of values and segments, and the number of persons, after an order of today for one in so many records."""
    backend.ask(f"""UPDATE crm.purchase_chunk p SET history = crm._purchase_add(p.history, ARRAY[date '2026-06-20'], ARRAY[date '2026-06-20'], ARRAY[12345::bigint])
        FROM (SELECT DISTINCT ON (source_record_id) source_record_id, from_day FROM crm.purchase_chunk WHERE source_record_id % {every} = {rest} ORDER BY source_record_id, from_day DESC) l
        WHERE p.source_record_id = l.source_record_id AND p.from_day = l.from_day AND crm.purchase_entry_count(p.history) < 128;""")
    ids = f"ARRAY(SELECT customer_id FROM crm.membership WHERE source_record_id % {every} = {rest})"
    backend.ask(f"SET crm.core_clock = '2026-06-20T12:{every % 50 + rest:02}:00+08'; SELECT crm._value_mark({ids}, 'order'), crm._segment_mark({ids}, 'order');")
    values = until_done(backend, "_value_drain")
    segments = until_done(backend, "_segment_refresh")
    return values, values + segments, backend.ask(f"SELECT cardinality({ids});")[0]


def increments(server, duck_full, orders):
    """1 % and 0.01 % new orders with every tier, score and living segment brought up to date, the better of two runs as of the peers; what a history costs."""
    members(server, orders // 12)
    backend = Backend(server)
    backend.ask("SET crm.core_clock = '2026-06-20T12:00:00+08'; UPDATE crm.room_setting SET value = '200000' WHERE name = 'segment.piece_persons';")
    backend.ask("SELECT crm._value_age(); SELECT crm._segment_refresh();")
    for share, every, bar in (("1 %", 8, None), ("0.01 %", 833, 0.05)):
        values, spent, count = min((increment(backend, every, rest) for rest in (3, 5)), key=lambda run: run[1])
        figure(f"tiers and scores after {share} new orders of {orders}, {count} persons, CPU s", f"{values:.3f}", f"DuckDB, full run {duck_full:.2f}", f"{values / duck_full:.2f}", "", None)
        figure(f"tiers, scores and the shipped living segments, the same, CPU s", f"{spent:.3f}", f"DuckDB, full run {duck_full:.2f}", f"{spent / duck_full:.2f}",
               f"< {bar}" if bar else "<= 0.5", spent < bar if bar else spent <= 0.5 * duck_full)
    wrong = backend.ask("SELECT count(*) FROM crm._value_check() WHERE what LIKE 'scores%';")[0]
    figure("scores that differ from a full rescore by the same cut points", wrong, "", "", "0", wrong == "0")
    wrong = backend.ask("SELECT count(*) FROM crm.segment_check();")[0]
    figure("members that differ from everybody asked anew", wrong, "", "", "0", wrong == "0")
    loop = """DO $$ DECLARE d date := '2026-06-21'; BEGIN FOR i IN 1 .. 20000 LOOP {body} END LOOP; END $$;"""
    body = """UPDATE crm.purchase_chunk p SET history = crm._purchase_add(p.history, ARRAY[d], ARRAY[d], ARRAY[100]::bigint[])
        WHERE p.source_record_id = 1 + i * 4 AND p.from_day = (SELECT max(c.from_day) FROM crm.purchase_chunk c WHERE c.source_record_id = 1 + i * 4 AND c.from_day <= d) AND crm.purchase_entry_count(p.history) < 128;"""
    spent = backend.cpu(loop.format(body=body))[0] / 20000 * 1e6
    figure("keeping a history, CPU microseconds an order", f"{spent:.0f}", "", "", "<= 60", spent <= 60)
    for name, a_person, bar in (("a back-load, five orders a person a batch", 5, 0.4), ("a day's file, an order a person", 1, 1.2)):
        batches(backend, name, a_person, bar)
    backend.close()


def batches(backend, name, a_person, bar):
    """Twenty batches of a thousand orders of two lines: the rows (keys, orders, lines, packed lines), then their histories."""
    backend.ask(f"""CREATE TEMP TABLE effect (batch int, effects crm.purchase_effect[]);
        CREATE TEMP TABLE fact AS SELECT b AS batch, array_agg(ROW(n, 9001, 'b{a_person}-' || b || '-' || n, r, (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = r),
                NULL, 'store', 'sale', 'paid', at, at, at::date, NULL, 0, NULL,
                ARRAY[ROW('1', 'bench1', 'x', 'bench', 1, 35, NULL)::crm.order_line_fact, ROW('2', 'bench2', 'x', 'bench', 2, 12.5, NULL)::crm.order_line_fact],
                NULL, true, sha256(convert_to(b || '-' || n, 'UTF8')), '2026-06-20', 1, n)::crm.order_fact ORDER BY n) AS facts
        FROM generate_series(1, 20) b, generate_series(1, 1000) n,
             LATERAL (SELECT (1 + (b * 1000 + n / {a_person} * 7) % 80000)::bigint AS r, timestamptz '2024-01-05' + (n % {a_person} * 150 + b) * interval '1 day' AS at) x GROUP BY b;
        SELECT crm._purchase_learn_products(facts) FROM fact WHERE batch = 1;""")
    rows = backend.cpu("INSERT INTO effect SELECT batch, crm._purchase_create_orders(facts, 2) FROM fact;")[0]
    histories = backend.cpu("SELECT crm._purchase_apply(effects) FROM effect ORDER BY batch;")[0]
    count = backend.ask("SELECT sum(cardinality(effects)) FROM effect; DROP TABLE effect, fact;")[0]
    figure(f"{name}: histories of {count} orders beside their rows, microseconds an order", f"{histories / int(count) * 1e6:.0f}",
           f"the rows alone {rows / int(count) * 1e6:.0f}", f"{histories / rows:.2f}", f"<= {bar}", histories <= bar * rows)


def main():
    sizes = sorted({1.0} | {float(word) for word in sys.argv[1:] or ["10"]})
    server = Server("bench-value", "crm.worker_enabled=off", "min_wal_size=2GB")
    try:
        server.install()
        forecast(server)
        duck_full = {}
        for millions in sizes:
            duck_full[millions] = rfm(server, millions)
            if millions == min(10.0, sizes[-1]):
                increments(server, duck_full[millions], int(millions * 1000000))
    finally:
        server.remove()


if __name__ == "__main__":
    main()
