#!/usr/bin/env python3
"""Flows and messages: the gate by sets, claims, results, deliveries to a receiver on the same machine.

    tests/bench/campaign.py [step ...]      peers gate claims deliver held latency jitter scheduled keep idle (all but idle when none is named)

Rates are of processor time of the one backend (or process) that does the work, where nothing else is said: the machine may be shared.
CRM_BENCH_REALTIME=1 (as root) puts the server before all others on such a machine.
"""
import http.server
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import TOP, Server, Session, cpu_seconds, figure, flush_ms, wait_for

RECEIVED = f"{TOP}/build/bench-received.ndjson"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PERSONS = int(os.environ.get("CRM_BENCH_PERSONS", "40000"))
# leases in pieces of :size from where the last one ended, each committed, as the sender does
CLAIM = """DO $$
DECLARE
    look crm.queue_look[] := '{{}}';
    last record;
BEGIN
    LOOP
        SELECT count(*) AS n, max(c.due_at) AS due_at, max(c.customer_id) AS customer_id INTO last FROM crm._outbox_claim({size}, 600000, 1, look) c;
        EXIT WHEN last.n = 0;
        look := ARRAY[ROW('bench', last.due_at, last.customer_id, 0)::crm.queue_look];
        COMMIT;
    END LOOP;
END $$"""
FINISH = """DO $$
DECLARE
    batch record;
BEGIN
    FOR batch IN SELECT array_agg(q.customer_id) AS ids, array_agg(q.message_id) AS messages, array_agg(q.attempt) AS attempts, count(*)::int AS n
                 FROM (SELECT q.*, row_number() OVER () / {size} AS piece FROM crm.outbox_queue q WHERE q.lease_until IS NOT NULL) q GROUP BY q.piece LOOP
        PERFORM crm._outbox_finish(batch.ids, batch.messages, batch.attempts, array_fill('sent'::text, ARRAY[batch.n]), array_fill(200, ARRAY[batch.n]),
            array_fill(-1, ARRAY[batch.n]), array_fill(''::text, ARRAY[batch.n]));
        COMMIT;
    END LOOP;
END $$"""
FIRE = """DO $$
DECLARE
    flow crm.flow_row;
    persons bigint[];
BEGIN
    SELECT * INTO flow FROM crm.flow f WHERE f.code = 'silence_30';
    FOR piece IN {first} / {size} .. {last} / {size} - 1 LOOP
        persons := ARRAY(SELECT g FROM generate_series(piece * {size} + 1, (piece + 1) * {size}) g);
        PERFORM crm._campaign_fire_all(flow, persons, array_fill('{key}'::text, ARRAY[{size}]), crm.core_now(), 'infinity', flow.epoch);
        COMMIT;
    END LOOP;
END $$"""


class World:
    def __init__(self):
        self.receiver = subprocess.Popen([f"{TOP}/build/crm_receiver", "--port", "0", "--secret", SECRET, "--out", RECEIVED],
                                         stdout=subprocess.PIPE, text=True)
        self.url = url = f"http://127.0.0.1:{self.receiver.stdout.readline().strip()}/"
        self.server = Server("bench-campaign", "crm.worker_enabled=off", "track_commit_timestamp=on")
        self.server.install()
        self.server.sql("ALTER DATABASE crm SET crm.core_clock = '2026-06-30T12:00:00+08:00'")
        self.server.sql(open(f"{TOP}/tests/bench/campaign.sql", encoding="utf-8").read(), persons=PERSONS, url=url, secret=SECRET)
        self.server.sql("UPDATE crm.flow SET state = 'active', active_from = '2026-01-01', watermark = '2026-06-29T12:00:00+08:00' WHERE code = 'silence_30'")

    def close(self):
        self.server.remove()
        self.receiver.kill()

    def real_clock(self):
        """Lets the clock of crm run; processes that began with the held one begin anew."""
        self.server.sql("ALTER DATABASE crm RESET crm.core_clock")
        self.server.sql("SELECT count(pg_terminate_backend(w.pid)) FROM crm.worker_list() w WHERE w.process <> 'launcher'")

    def work(self, enabled):
        self.server.sql(f"ALTER SYSTEM SET crm.worker_enabled = {'on' if enabled else 'off'}", "postgres")
        self.server.sql("SELECT pg_reload_conf()", "postgres")


def gate(world):
    """As the worker and its helper share a flow: each fires for half of the persons, at the same time."""
    sessions, half, seconds = [Session(world.server), Session(world.server)], PERSONS // 2, [0, 0]

    def fire(n):
        seconds[n], _ = sessions[n].timed(FIRE.format(first=n * half, last=(n + 1) * half, size=500, key="2026-05-31"))

    both = [threading.Thread(target=fire, args=(n,)) for n in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    print(sessions[0].run("SELECT outcome, count(*) FROM crm.occurrence GROUP BY 1"), file=sys.stderr)
    rates = [half / taken for taken in seconds]
    figure("occurrences a second, all steps of the gate, coupon and message, sets of 500, two processes on a core each", f"{sum(rates):.0f} ({rates[0]:.0f} and {rates[1]:.0f})", "", "",
           ">= 20000", sum(rates) >= 20000)


def claims(world):
    session = Session(world.server)
    world.server.sql("UPDATE crm.endpoint SET max_concurrency = 100000")
    waiting = int(session.run("SELECT count(*) FROM crm.outbox_queue"))
    seconds, _ = session.timed(CLAIM.format(size=500))
    leased = int(session.run("SELECT count(*) FROM crm.outbox_queue WHERE lease_until > clock_timestamp()"))
    if leased != waiting:
        raise RuntimeError(f"{leased} of {waiting} messages were claimed")
    rate = leased / seconds
    figure("claims a second in batches of 500, last checks made, request built", f"{rate:.0f}", "", "", ">= 30000", rate >= 30000)
    seconds, _ = session.timed(FINISH.format(size=500))
    figure("results a second, written in batches of 500", f"{leased / seconds:.0f}", "", "", "", None)
    world.server.sql("UPDATE crm.endpoint SET max_concurrency = 64")


def sender_pid(world):
    wait_for(lambda: world.server.sql("SELECT count(*) FROM crm.worker_list() WHERE process = 'sender' AND database = (SELECT oid FROM pg_database WHERE datname = 'crm')") == "1",
             "the sender", 120)
    return int(world.server.sql("SELECT pid FROM crm.worker_list() WHERE process = 'sender'"))


def refill(world):
    """Every message there is waits again, as if it had just been decided."""
    world.server.sql("""UPDATE crm.endpoint SET max_concurrency = 64; TRUNCATE crm.outbox_queue, crm.outbox_event;
        INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) SELECT o.customer_id, o.message_id, o.endpoint, o.due_at FROM crm.outbox o""")
    open(RECEIVED, "w").close()


def deliver(world):
    refill(world)
    waiting = int(world.server.sql("SELECT count(*) FROM crm.outbox_queue"))
    world.work(True)
    pid = sender_pid(world)
    before, began = (cpu_seconds([pid]), cpu_seconds([world.receiver.pid])), time.time()
    wait_for(lambda: world.server.sql("SELECT count(*) = 0 FROM crm.outbox_queue") == "t", "the queue to drain")
    wall = time.time() - began
    sender, receiver = cpu_seconds([pid]) - before[0], cpu_seconds([world.receiver.pid]) - before[1]
    world.work(False)
    got = int(subprocess.run(["wc", "-l", RECEIVED], capture_output=True, text=True, check=True).stdout.split()[0])
    if got != waiting:
        raise RuntimeError(f"{got} requests arrived for {waiting} messages")
    figure("deliveries a second to a receiver on this machine, one sender: by its processor time (by the wall)", f"{waiting / sender:.0f} ({waiting / wall:.0f})", "", "",
           ">= 2500", waiting / sender >= 2500)
    print(f"sender {sender / waiting * 1e6:.0f} us a message, receiver {receiver / waiting * 1e6:.0f}", file=sys.stderr)


def flow_at(world, when, code):
    """A flow that means everybody at a minute of the real clock; returns its id."""
    minute = time.gmtime(when)
    return world.server.sql(f"""INSERT INTO crm.flow (flow_id, code, name_zh, name_en, trigger, state, active_from, spec, watermark)
        SELECT max(f.flow_id) + 1, '{code}', 'bench', 'bench', 'schedule', 'active', clock_timestamp() - interval '1 hour', '{{"schedule": "{minute.tm_min} {minute.tm_hour} * * *",
            "zone": "UTC", "who": {{"kind": "value", "field": "tier", "value": ["B"]}}, "key": "day", "channels": ["sms"], "template": "silence_30", "coupon_type": "wake_up_90",
            "holdout_percent": 0, "offer_days": 1, "cap_days": 1, "cap_messages": 1000}}', clock_timestamp() FROM crm.flow f RETURNING flow_id;
        INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at) SELECT f.flow_id, 1, f.spec, 'bench', clock_timestamp() FROM crm.flow f WHERE f.code = '{code}'""")


def next_minute(at_least):
    return (int(time.time() + at_least) // 60 + 1) * 60


def scheduled(world):
    """All persons due at one second: when the first and the last of their outbox rows were there."""
    world.real_clock()
    world.server.sql("UPDATE crm.flow SET state = 'paused'; UPDATE crm.endpoint SET is_active = false; TRUNCATE crm.coupon, crm.contact_cap, crm.outbox, crm.outbox_queue, crm.outbox_event")
    when = next_minute(10)
    flow = flow_at(world, when, f"bench_{when}")
    world.work(True)
    while time.time() < when - 0.5:
        time.sleep(0.1)
    before = world.server.sql(f"SELECT count(*) FROM crm.outbox WHERE flow_id = {flow}")
    wait_for(lambda: world.server.sql(f"SELECT count(*) FROM crm.outbox WHERE flow_id = {flow}") == str(PERSONS), "the messages", 300)
    first, last, early = world.server.sql(f"""SELECT round(extract(epoch FROM min(pg_xact_commit_timestamp(o.xmin)))::numeric - {when}, 3), round(extract(epoch FROM max(pg_xact_commit_timestamp(o.xmin)))::numeric - {when}, 3),
        count(*) FILTER (WHERE pg_xact_commit_timestamp(o.xmin) < to_timestamp({when})) FROM crm.outbox o WHERE o.flow_id = {flow}""").split("|")
    world.work(False)
    figure(f"scheduled flow of {PERSONS:,} persons: last outbox row after the due second", f"{last} s (first {first} s), {int(early) + int(before)} before it", "", "",
           "<= 5 s for 100,000, none before", float(last) <= 5 and PERSONS >= 100000 and int(early) == 0)


def jitter(world):
    """When a flow of one person starts after its minute: as many flows as minutes, several minutes."""
    world.real_clock()
    world.server.sql("UPDATE crm.flow SET state = 'paused'; UPDATE crm.endpoint SET is_active = false; TRUNCATE crm.enrolment")
    world.work(True)
    late = []
    minutes = int(os.environ.get("CRM_BENCH_MINUTES", "3"))
    first = next_minute(6)
    for n in range(minutes):
        flow_at(world, first + 60 * n, f"jitter_{first + 60 * n}")
    world.server.sql("UPDATE crm.flow SET spec = spec || '{\"who\": {\"kind\": \"value\", \"field\": \"tier\", \"value\": [\"S\"]}}' WHERE code LIKE 'jitter%'")
    for n in range(minutes):
        wait_for(lambda: world.server.sql(f"SELECT count(*) FROM crm.flow WHERE code = 'jitter_{first + 60 * n}' AND watermark >= to_timestamp({first + 60 * n})") == "1", "the start", 120)
        late.append(float(world.server.sql(f"SELECT extract(epoch FROM watermark) - {first + 60 * n} FROM crm.flow WHERE code = 'jitter_{first + 60 * n}'")) * 1000)
    world.work(False)
    figure(f"start after the due second, {minutes} moments", f"{sorted(late)[len(late) // 2]:.0f} ms p50, {max(late):.0f} ms at most", "pg_cron 210 ms p50, 272 at most (baseline)", "", "p99 < 100 ms", max(late) < 100)


class Arrivals(http.server.BaseHTTPRequestHandler):
    """Notes when each message arrives."""
    at = {}
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.at[self.headers["webhook-id"]] = time.time()
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def latency(world):
    """From the commit of a new member to the request of his welcome, one every 50 ms: the outbox row is of the same commit."""
    world.real_clock()
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Arrivals)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    world.server.sql(f"""UPDATE crm.flow SET state = 'paused'; TRUNCATE crm.outbox_queue; UPDATE crm.endpoint SET url = 'http://127.0.0.1:{receiver.server_port}/';
        UPDATE crm.flow SET state = 'active', active_from = clock_timestamp() - interval '1 day', spec = spec - 'quiet' || '{{"holdout_percent": 0}}' WHERE code = 'welcome'""")
    world.work(True)
    pid = sender_pid(world)
    session = Session(world.server)
    session.run("RESET crm.core_clock")
    before, flushes, answered = cpu_seconds([pid]), [], []
    for n in range(300):
        flushes.append(flush_ms(f"{TOP}/build/bench-flush"))
        session.run(f"""SELECT status FROM crm.ingest_member('bench', convert_to('{{"external_id": "late{n}", "name": "王", "phone": "13712{n + 1000:06d}", "consent_sms": "yes"}}', 'UTF8'))""")
        answered.append(time.time())
        time.sleep(0.05)
    wait_for(lambda: world.server.sql("SELECT count(*) = 0 FROM crm.outbox_queue") == "t", "the welcomes to leave", 60)
    print(f"sender {(cpu_seconds([pid]) - before) / 300 * 1e3:.2f} ms a message alone", file=sys.stderr)
    figure("the disk meanwhile: a page made safe, which both the member's commit and the claim wait for", f"p50 {sorted(flushes)[150]:.1f} ms, p99 {sorted(flushes)[297]:.1f}", "", "", "", None)
    world.work(False)
    rows = world.server.sql("SELECT message_id, extract(epoch FROM pg_xact_commit_timestamp(o.xmin)) FROM crm.outbox o JOIN crm.flow f USING (flow_id) WHERE f.code = 'welcome' ORDER BY 2").split("\n")
    if len(rows) != 300:
        raise RuntimeError(f"{len(rows)} welcomes of 300")
    late = sorted((Arrivals.at[message] - float(at)) * 1000 for message, at in (row.split("|") for row in rows))
    # the commit's record has its moment before the disk has it: whoever told of the member hears of it after that
    after = sorted((Arrivals.at[row.split("|")[0]] - at) * 1000 for row, at in zip(rows, answered))
    receiver.shutdown()
    world.server.sql(f"UPDATE crm.endpoint SET url = '{world.url}'")
    figure("commit of a new member to the request of the welcome arriving, idle sender, 300", f"p50 {late[150]:.1f} ms, p99 {late[297]:.1f}; from its answer p50 {after[150]:.1f}, p99 {after[297]:.1f}", "", "", "p99 < 20 ms", late[297] < 20)


def drain(world, n):
    """Sends as many new messages as the gate made; microseconds of the sender a message."""
    world.work(False)
    world.server.sql(f"""WITH fresh AS (
            INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, address_hash, body, due_at, created_at)
            SELECT o.customer_id, o.message_id || '-{n}', o.channel, o.endpoint, true, o.address_hash, o.body, crm.core_now(), crm.core_now()
            FROM crm.outbox o WHERE o.flow_id IS NOT NULL RETURNING customer_id, message_id, endpoint, due_at)
        INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) SELECT * FROM fresh""")
    waiting = int(world.server.sql("SELECT count(*) FROM crm.outbox_queue"))
    world.work(True)
    pid = sender_pid(world)
    before = cpu_seconds([pid])
    wait_for(lambda: world.server.sql("SELECT count(*) = 0 FROM crm.outbox_queue") == "t", "the queue to drain")
    return (cpu_seconds([pid]) - before) / waiting * 1e6


def held(world):
    """What a delivery costs while somebody holds a transaction open, against before; CRM_BENCH_HOLD says for how many seconds."""
    hold = int(os.environ.get("CRM_BENCH_HOLD", "60"))
    refill(world)
    drain(world, 1)
    alone = min(drain(world, 2), drain(world, 3))
    holder = Session(world.server)
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM crm.customer")
    began, costs = time.time(), []
    while time.time() - began < hold or len(costs) < 2:
        costs.append(drain(world, 4 + len(costs)))
    dead = world.server.sql("SELECT pg_stat_force_next_flush(); SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'crm.outbox_queue'::regclass").strip()
    lasted = time.time() - began
    holder.run("COMMIT")
    world.work(False)
    last = min(costs[-2:])
    print("us a message:", " ".join(f"{cost:.0f}" for cost in costs), "; dead rows in the queue:", dead, file=sys.stderr)
    figure(f"a delivery while a transaction is held open, after {lasted:.0f} s", f"{last:.0f} us, {alone:.0f} before", "", f"{last / alone:.2f}", "<= 1.30", last / alone <= 1.3)


def keep(world):
    """Days of 100,000 sent messages each, of which the oldest is forgotten: what that costs, and whether its room is used again."""
    day = int(os.environ.get("CRM_BENCH_DAY", "100000"))
    world.server.sql("TRUNCATE crm.outbox, crm.outbox_event, crm.outbox_queue")
    session = Session(world.server)
    sizes, spent = [], 0
    for n in range(6):
        world.server.sql(f"""INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, address_hash, body, due_at, created_at)
                SELECT g, g || '-' || encode(sha256(('{n}-' || g)::bytea), 'hex'), 'sms', 'bench', 2, '{n}', true, sha256(g::text::bytea), jsonb_build_object('flow', 'silence_30', 'text', repeat('x', 120)),
                       timestamptz '2025-05-20' + {n} * interval '1 day', timestamptz '2025-05-20' + {n} * interval '1 day' + g * interval '1 ms' FROM generate_series(1, {day}) g ORDER BY hashint8(g);
            INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind, attempt, http_status)
                SELECT o.customer_id, o.message_id, o.created_at, o.customer_id + {n} * 10000000, 'sent', 1, 200 FROM crm.outbox o WHERE o.occurrence_key = '{n}'""")
        if n >= 3:      # three days are kept
            session.run(f"SET crm.core_clock = '2026-06-{21 + n} 12:00:00+00'")
            seconds, _ = session.timed("DO $$ BEGIN WHILE crm._outbox_forget() > 0 LOOP COMMIT; END LOOP; END $$; VACUUM crm.outbox; VACUUM crm.outbox_event")
            spent += seconds
        sizes.append(int(session.run("SELECT (sum(pg_total_relation_size(t)) / 1000000)::int FROM unnest('{crm.outbox,crm.outbox_event}'::regclass[]) t")))
    kept = int(session.run("SELECT count(*) FROM crm.outbox"))
    if kept != 3 * day:
        raise RuntimeError(f"{kept} messages are kept, not {3 * day}")
    print("MB after each day:", sizes, file=sys.stderr)
    figure(f"messages forgotten after their time, three days of {day:,}: processor time with the vacuum; size after six days against four", f"{spent / 3 / day * 1e6:.0f} us a message", "", f"{sizes[5] / sizes[3]:.2f}", "", None)


def idle(world):
    """A minute in which nothing is due: processor time of all of the product's processes."""
    world.real_clock()
    world.server.sql("""TRUNCATE crm.outbox_queue, crm.enrolment; DELETE FROM crm.value_dirty; UPDATE crm.flow SET state = 'active', active_from = clock_timestamp() - interval '1 day', watermark = clock_timestamp(),
        spec = CASE WHEN trigger = 'schedule' THEN spec || '{"schedule": "0 3 1 1 *"}' ELSE spec END""")
    flow_at(world, time.time() - 86400 + 7200, "idle")
    world.server.sql("UPDATE crm.flow SET watermark = clock_timestamp()")
    world.work(True)
    time.sleep(45)
    pids = [int(pid) for pid in world.server.sql("SELECT pid FROM crm.worker_list()").split()]
    before = cpu_seconds(pids)
    time.sleep(120)
    spent = (cpu_seconds(pids) - before) / 2 * 1000
    world.work(False)
    figure(f"a minute with nothing due, {PERSONS:,} persons, three flows and a schedule active: all processes", f"{spent:.0f} ms", "", "", "< 20 ms (a million)", spent < 20 and PERSONS >= 1000000)


def peers(world):
    """Claims of a plain job table, rows taken with SKIP LOCKED by the hundred: no checks, no request."""
    session = Session(world.server)
    session.run("CREATE TABLE job_queue (id bigint PRIMARY KEY, payload jsonb NOT NULL, due_at timestamptz NOT NULL, state int NOT NULL DEFAULT 0); CREATE INDEX ON job_queue (due_at) WHERE state = 0; "
                "INSERT INTO job_queue SELECT g, '{\"customer\": 123}', '2026-01-01' FROM generate_series(1, 50000) g; ANALYZE job_queue")
    seconds, _ = session.timed("""DO $$
        DECLARE n bigint; BEGIN LOOP
            UPDATE job_queue j SET state = 1 FROM (SELECT id FROM job_queue WHERE state = 0 AND due_at <= '2026-06-30' ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED) d WHERE j.id = d.id;
            GET DIAGNOSTICS n = ROW_COUNT; EXIT WHEN n = 0; COMMIT; END LOOP; END $$""")
    figure("claims a second of a plain job table, SKIP LOCKED, batches of 500: the peer", "", f"{50000 / seconds:.0f}", "", "", None)


def main():
    steps = sys.argv[1:] or ["peers", "gate", "claims", "deliver", "held", "latency", "jitter", "scheduled", "keep"]
    world = World()
    try:
        for step in steps:
            globals()[step](world)
    finally:
        world.close()


if __name__ == "__main__":
    main()
