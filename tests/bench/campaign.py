#!/usr/bin/env python3
"""Flows and messages: the gate by sets, claims, results, deliveries to a receiver on the same machine.

    tests/bench/campaign.py [step ...]      gate claims deliver (all of them when none is named)

Rates are of processor time of the one backend (or process) that does the work, where nothing else is said: the machine may be shared.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import TOP, Server, Session, cpu_seconds, figure, processes, wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PERSONS = int(os.environ.get("CRM_BENCH_PERSONS", "40000"))
# leases in pieces of :size from where the last one ended, each committed, as the sender does
CLAIM = """DO $$
DECLARE
    look crm.queue_look[] := '{{}}';
    last record;
BEGIN
    LOOP
        SELECT count(*) AS n, max(c.due_at) AS due_at, max(c.customer_id) AS customer_id INTO last FROM crm._outbox_claim_from({size}, 600000, 1, look) c;
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
    FOR piece IN 0 .. {persons} / {size} - 1 LOOP
        persons := ARRAY(SELECT g FROM generate_series(piece * {size} + 1, (piece + 1) * {size}) g);
        PERFORM crm._campaign_fire_all(flow, persons, array_fill('{key}'::text, ARRAY[{size}]), crm.core_now(), 'infinity', flow.epoch);
        COMMIT;
    END LOOP;
END $$"""


class World:
    def __init__(self):
        self.receiver = subprocess.Popen([f"{TOP}/build/crm_receiver", "--port", "0", "--secret", SECRET, "--out", f"{TOP}/build/bench-received.ndjson"],
                                         stdout=subprocess.PIPE, text=True)
        url = f"http://127.0.0.1:{self.receiver.stdout.readline().strip()}/"
        self.server = Server("bench-campaign", "crm.worker_enabled=off")
        self.server.install()
        self.server.sql("ALTER DATABASE crm SET crm.core_clock = '2026-06-30T12:00:00+08:00'")
        self.server.sql(open(f"{TOP}/tests/bench/campaign.sql", encoding="utf-8").read(), persons=PERSONS, url=url, secret=SECRET)
        self.server.sql("UPDATE crm.flow SET state = 'active', active_from = '2026-01-01', watermark = '2026-06-29T12:00:00+08:00' WHERE code = 'silence_30'")

    def close(self):
        self.server.remove()
        self.receiver.kill()

    def work(self, enabled):
        self.server.sql(f"ALTER SYSTEM SET crm.worker_enabled = {'on' if enabled else 'off'}", "postgres")
        self.server.sql("SELECT pg_reload_conf()", "postgres")


def gate(world):
    session = Session(world.server)
    seconds, _ = session.timed(FIRE.format(persons=PERSONS, size=500, key="2026-05-31"))
    print(session.run("SELECT outcome, count(*) FROM crm.occurrence GROUP BY 1"), file=sys.stderr)
    rate = PERSONS / seconds
    figure(f"occurrences a second, all steps of the gate, coupon and message, sets of 500", f"{rate:.0f}", "", "", ">= 20000", rate >= 20000)


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


def main():
    steps = sys.argv[1:] or ["gate", "claims"]
    world = World()
    try:
        for step in steps:
            globals()[step](world)
    finally:
        world.close()


if __name__ == "__main__":
    main()
