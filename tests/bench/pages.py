#!/usr/bin/env python3
"""make bench-pages: the data calls of the pages through nginx and gateway, one after the other, each for a role that makes it.

    tests/bench/pages.py [persons]      fills a server of its own, which is removed at the end
    tests/bench/pages.py on CLUSTER     asks one that was filled before and is kept (tests/bin/cluster)

A line a call: the median and the 95th percentile of twenty, after one to warm up, and the CPU time a call takes in the server. The bar of the 95th
percentile is 300 ms; on a machine that does other work the CPU time says more.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import TOP, Server, figure, wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
TODAY = "2026-06-30"
CALLS = 20
BAR_MS = 300
TIERS = [{"tier": "S", "conditions": [{"metric": "orders", "days": 30, "op": ">=", "value": 2}]}, {"tier": "A", "conditions": [{"metric": "orders", "days": 90, "op": ">=", "value": 3}]},
         {"tier": "C", "conditions": [{"metric": "last_days", "op": ">", "value": 180}]}, {"tier": "P", "conditions": []}]
RULE = {"all": [{"kind": "value", "field": "tier", "value": ["S", "A"]}, {"kind": "purchase", "measure": "count", "days": 90, "op": ">=", "value": 2}]}


class Kept(Server):
    """A cluster that is there already."""

    def __init__(self, name):
        self.name = name
        self.env = dict(os.environ)
        lines = subprocess.run([f"{TOP}/tests/bin/cluster", "env", name], check=True, capture_output=True, text=True).stdout
        for key, value in re.findall(r"(\w+)=(\S+)", lines):
            self.env[key] = value.replace("$PATH", self.env["PATH"])


def behind(what, key="", where=""):
    return f"reports/persons?what={what}&key={urllib.parse.quote(key)}&limit=50{where}"


# Of the year, of thirty days, of who is known by name: the figures of stores, indicators, growth, scorecards and managers.
FIGURES = (("active", ""), ("persons", ""), ("tier", "S"), ("tier", "C"), ("rfm", "5.5"), ("transition", "B.C.90"), ("funnel", "third_order"), ("cohort", "2026-01.3"), ("flow", "birthday.sent"),
           ("span", f"buyers.2026-04-01.{TODAY}"), ("span", f"repeat.2026-04-01.{TODAY}"), ("span", "registered.2026-03-01.2026-03-31"), ("span", "new.2026-03-01.2026-03-31"), ("frequency", f"20.2025-07-01.{TODAY}"),
           *(("indicator", f"{name}.{side}.2026-05-01.2026-05-31") for name in ("active", "repurchase", "annual_repurchases", "dormancy", "first_order", "redemption", "recall", "lead_time", "service_response") for side in ("of", "met")))


def boards(paths):
    """What managers and headquarters ask, of the chain, a region and a store; `paths`: ways that customers went."""
    for place in ("", "region=R1", "store=S3"):
        more = f"&{place}" if place else ""
        yield "headquarters", f"health-board?{place}"
        yield "headquarters", f"reports/exceptions?{place}"
        yield "headquarters", f"reports/value-map?{place}"
        yield "headquarters", f"reports/transitions?days=90{more}"
        yield "headquarters", f"reports/retention?from=2025-06-01&to={TODAY}{more}"
        yield "headquarters", f"reports/trend?from=2025-06-01&to={TODAY}{more}"
        yield "headquarters", f"reports/forecast?months=3{more}"
        yield "headquarters", f"reports/panels?{place}"
        yield "headquarters", f"reports/frequency?from=2025-07-01&to={TODAY}{more}"
        yield "headquarters", f"reports/origins?{place}"
        yield "headquarters", f"reports/mix?{place}"
        yield "headquarters", f"reports/leaderboard?month=2026-06-01{more}"
        yield "headquarters", f"reports/scorecard?from=2026-06-01&to={TODAY}{more}"
        for what, key in FIGURES:
            yield "headquarters", behind(what, key, more)
    yield "headquarters", f"reports/stores?from=2026-04-01&to={TODAY}"
    yield "headquarters", "reports/paths"
    for path in paths:
        yield "headquarters", behind("path", path)
        yield "headquarters", behind("path", path, "&store=S3")
    for figure_of in ("enrolled", "incomplete", "duplicates", "notes", "due", "in_time", "overdue"):
        yield "headquarters", behind("scorecard", f"{figure_of}.2026-06-01.{TODAY}.store.C3", "&store=S3")
    yield "headquarters", behind("scorecard", f"enrolled.2025-07-01.{TODAY}.store.C3", "&store=S3")
    yield "headquarters", "reports/managers"
    for figure_of in ("persons", "spoken", "owned", "overdue", "better", "worse", "complaints"):
        yield "headquarters", behind("manager", f"{figure_of}.M3")
    yield "headquarters", ("reports/chart", {"measure": "buyers", "group": "region", "days": 77})
    yield "headquarters", ("reports/chart", {"measure": "net", "group": "store", "days": 500})
    yield "headquarters", ("reports/chart", {"measure": "net", "group": "month", "days": 700})
    yield "headquarters", "reports/saved"
    yield "headquarters", "reports/indicators?period=month"
    for path in ("health-board", f"reports/stores?from=2026-04-01&to={TODAY}", "reports/value-map", "reports/transitions?days=90", f"reports/retention?from=2025-06-01&to={TODAY}",
                 "reports/exceptions", f"reports/scorecard?from=2026-06-01&to={TODAY}", behind("active"), behind("cohort", "2026-01.3")):
        yield "store_manager", path


def others(person):
    """What the other pages ask."""
    yield from (("clerk", path) for path in (f"persons/{person}/overview", f"persons/{person}/timeline?limit=50", f"persons/{person}/tags", "tasks?list=mine&limit=50", "tasks?list=store&limit=50",
                                             ("search", {"text": "1234"}), ("search", {"text": "丁"}), ("lookup", {"kind": "phone", "value": f"138{person:08d}"})))
    yield from (("headquarters", path) for path in (("search", {"text": "1234"}), ("search", {"text": "丁"}), "stores", "me", "task-staff", "tasks?list=escalated&limit=50"))
    yield from (("marketer", path) for path in ("segments", "segments/bench/members?limit=50", f"segments/bench/movement?from=2026-06-01&to={TODAY}", "rules/values?kind=message&field=channel",
                                                "rules/values?kind=item&field=category&limit=500", "tags", "tier-sets", "flows", "flow-presets", "flows/birthday/results", "coupon-types",
                                                f"flows/birthday/explain/{person}"))
    yield "marketer", ("rules/preview", {"rule": RULE, "sample": 8, "look_at": 2000})
    yield "marketer", ("rules/preview", {"rule": RULE, "sample": 0, "look_at": 10000})
    yield "marketer", ("rules/preview", {"rule": RULE, "sample": 8, "after": 0})
    yield "marketer", ("segment-overlap", {"codes": ["bench"]})
    yield from (("store_manager", path) for path in ("owned?list=all&limit=50", "tasks?list=store&limit=50"))
    yield from (("steward", path) for path in ("sources", "source-days", "reject-groups", "rejects?limit=100", "imports?limit=20", "import-fields?entity=member", "reviews?limit=100&state=open",
                                               f"persons/{person}/explain"))
    yield from (("marketer", path) for path in ("segments/bench/changes?limit=30", "flows/birthday/preview", "flows/silence_30/preview", "flows/birthday/texts", "rules/values?kind=event&field=type&limit=500"))
    yield "marketer", ("tier-sets/try", {"rules": TIERS})
    for spans in ({"look_at": 10000}, {"after": 0}):
        yield "marketer", ("rules/preview", {"rule": {"all": [{"kind": "item", "where": {"category": "bc3"}, "days": 90}, {"kind": "consent", "field": "sms", "value": "yes"}]}, "sample": 8, **spans})


def desks(imported):
    """What the pages of tickets, deals, imports and merges ask; `imported`: the import whose rows wait to be looked at."""
    year = f"from=2025-07-01&to={TODAY}"
    for role in ("store_manager", "headquarters"):
        yield from ((role, path) for path in (*(f"tickets?list={which}&limit=50" for which in ("mine", "open", "late", "resolved")), "tickets?list=resolved&topic=quality&limit=50", "ticket-topics",
                                              "pipelines", "deals?pipeline=consult&limit=50", "deals?pipeline=consult&stage=won&limit=50", f"pipelines/consult/board?{year}",
                                              f"pipelines/consult/won?{year}&limit=50"))
    yield from (("headquarters", path) for path in ("persons/31/tickets", "persons/31/tickets/2000000031", "persons/49/deals", "persons/49/deals/3000000049",
                                                    f"reports/tickets?{year}", "owned?list=all&limit=50", "channels", "endpoints", "caps", "alert-routes", "settings", "entry-forms/clerk"))
    yield from (("headquarters", path) for path in (f"reports/knowledge?{year}", "articles?limit=50", "persons/31/tickets/2000000031/suggestions", "reports/functions?days=90", "targets", "custom-fields"))
    yield from (("clerk", path) for path in ("tickets?list=mine&limit=50", "owned?list=all&limit=50", "entry-form", "my-targets"))
    yield from (("steward", path) for path in (f"imports/{imported}", f"imports/{imported}/preview?limit=100", f"imports/{imported}/errors?limit=100", "imports/1000/errors?limit=100",
                                               "reviews?limit=100&state=accepted", "reviews?limit=100&state=rejected", "persons/100/explain/101",
                                               "identity-shadow", "rejects?limit=100&source=bench1", "sources/bench/mappings/member"))



def request_of(key, call):
    path, body = call if isinstance(call, tuple) else (call, None)
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/v1/{path}", data=json.dumps(body).encode() if body else None, headers={"Authorization": f"Bearer {key}"})
    if body:
        request.add_header("Content-Type", "application/json")
    return request


def fetch(key, call):
    with urllib.request.urlopen(request_of(key, call), timeout=120) as answer:
        return json.load(answer)


def ask(key, call):
    try:
        with urllib.request.urlopen(request_of(key, call), timeout=120) as answer:
            return answer.status, len(answer.read())
    except urllib.error.HTTPError as fault:
        return fault.code, len(fault.read())
    except urllib.error.URLError:       # nobody listens yet
        return 0, 0


def cpu_ms(pids):
    """To the nanosecond, where processes of a few milliseconds are compared."""
    return sum(int(open(f"/proc/{pid}/schedstat", encoding="ascii").read().split()[0]) for pid in pids) / 1e6


def count_on(server, key, call):
    """Everybody, counted part after part as the page does: every answer's time, and the CPU of all of them."""
    path, body = call
    backends = server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'crm_gateway'").split()
    before, spent, after, total = cpu_ms(backends), [], 0, 0
    while after is not None:
        start = time.perf_counter()
        answer = fetch(key, (path, {**body, "after": after}))
        spent.append((time.perf_counter() - start) * 1000)
        after, total = answer["after"], total + answer["everybody"]
    figure(f"marketer: everybody counted by {body['rule']}", f"{len(spent)} answers, the slowest {max(spent):.0f} ms, {sum(spent):.0f} ms together", f"CPU {cpu_ms(backends) - before:.0f} ms", f"{total} persons", f"{BAR_MS} ms", max(spent) <= BAR_MS)


def measure(server, key, call):
    status, _ = ask(key, call)
    backends = server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'crm_gateway'").split()
    before = cpu_ms(backends)
    spent = []
    while len(spent) < CALLS and sum(spent) < 20000:
        start = time.perf_counter()
        ask(key, call)
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    return status, spent[len(spent) // 2], spent[max(0, -(-len(spent) * 95 // 100) - 1)], (cpu_ms(backends) - before) / len(spent)


def counter(server, key, person):
    """The counter's question, asked as often as a percentile of 99 needs: a phone in; name, last purchase, suggestion, coupons and points out."""
    calls = [("lookup", {"kind": "phone", "value": f"138{person + n:08d}"}) for n in range(1000)]
    ask(key, calls[0])
    backends = server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'crm_gateway'").split()
    before = cpu_ms(backends)
    spent, found = [], 0
    for call in calls:
        start = time.perf_counter()
        found += ask(key, call)[0] == 200
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    late = spent[989]
    figure(f"store manager: the counter card by phone, 1,000 persons, {found} found", f"p50 {spent[500]:.1f}, p99 {late:.1f} ms", f"CPU {(cpu_ms(backends) - before) / len(calls):.2f} ms", "", "50 ms", late <= 50)


def main():
    kept = sys.argv[1:2] == ["on"]
    persons = 80000 if len(sys.argv) < 2 else 0 if kept else int(sys.argv[1])
    server = Kept(sys.argv[2]) if kept else Server("bench_pages", "crm.worker_enabled=off", f"crm.core_clock={TODAY}T12:00:00+08:00")
    try:
        if not kept:
            server.install()
            for part in ("pages", "pages_desk"):
                server.sql(open(f"{TOP}/tests/bench/{part}.sql", encoding="utf-8").read(), persons=persons)
        keys = {role: server.sql(f"SELECT crm.access_create_key('bench', 'crm_{role}', NULL, {store})")
                for role, store in (("clerk", "'S3'"), ("store_manager", "'S3'"), ("headquarters", "NULL"), ("marketer", "NULL"), ("steward", "NULL"))}
        person = int(server.sql("SELECT min(c.customer_id) FROM crm.customer c JOIN crm.store s ON s.store_id = c.home_store_id WHERE s.code = 'S3' AND c.customer_id > 1000"))
        paths = server.sql("SELECT to_json((array_agg(p.path ORDER BY p.persons * g))[1]::text[]) FROM (SELECT x.path::text AS path, x.persons FROM crm.report_paths() x) p, (VALUES (1), (-1)) g (g) GROUP BY g").split("\n")
        imported = server.sql("SELECT max(b.batch_id) FROM crm.batch b WHERE b.state = 'awaiting_confirmation'")
        with tempfile.TemporaryDirectory(prefix="crm.") as folder:
            os.chmod(folder, 0o755)
            subprocess.run([f"{TOP}/tests/bin/web", "start", f"{folder}/web", str(PORT), server.env["PGHOST"], f"host={server.env['PGHOST']} port={server.env['PGPORT']} dbname=crm user=crm_gateway"], check=True)
            try:
                wait_for(lambda: ask(keys["headquarters"], "me")[0] == 200, "the gateway", 30)
                counter(server, keys["store_manager"], person)
                for role, call in [*boards(paths), *others(person), *desks(imported)]:
                    status, median, late, cpu = measure(server, keys[role], call)
                    name = f"{role}: {call}" if isinstance(call, str) else f"{role}: POST {call[0]} {call[1]}"
                    figure(name, f"p50 {median:.0f}, p95 {late:.0f} ms", f"CPU {cpu:.1f} ms", "" if status == 200 else f"answered {status}", f"{BAR_MS} ms", late <= BAR_MS)
                    if not isinstance(call, str) and call[1].get("after") == 0:
                        count_on(server, keys[role], call)
            finally:
                subprocess.run([f"{TOP}/tests/bin/web", "stop", f"{folder}/web"])
    finally:
        if not kept:
            server.remove()


if __name__ == "__main__":
    main()
