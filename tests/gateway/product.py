#!/usr/bin/env python3
"""The product's own endpoints, against the installed extension: every statement of the route table fits the functions
it calls; a record goes in, is found, and is judged by role and scope; sign-in, imports, errors that name the field."""
import base64
import hashlib
import hmac
import time

from gatelib import *

DB = "product"
PHONE, OTHER = "13867241905", "13951836274"


def test_statements(document):
    """A function that changed its arguments shows here, route by route."""
    for path, methods in document["paths"].items():
        for method in methods:
            found = subprocess.run([PRODUCT, "--statement", method.upper(), path], capture_output=True, text=True)
            if found.returncode != 0:
                continue        # a handler without SQL of its own
            checked = subprocess.run(["psql", "-XAtqd", DB, "-v", "ON_ERROR_STOP=1", "-c", f"PREPARE s AS {found.stdout}"],
                                     capture_output=True, text=True)
            ok(checked.returncode == 0, f"{method.upper()} {path}: its statement fits", checked.stderr)


def set_up():
    """Two stores in two regions, a source, a person at the desk of each store, keys."""
    sql("SELECT crm.access_define_region('R1', 'north'), crm.access_define_region('R2', 'south');"
        "SELECT crm.access_define_store('S01', 'one', 'R1', '上海'), crm.access_define_store('S02', 'two', 'R2', '广州');"
        "SELECT crm.ingest_define_source('pos', 'till', 'pos', '{}');"
        "SELECT crm.access_define_staff('C1', '王芳', 'crm_clerk', '{store:S01}', 'clerk.s01'),"
        " crm.access_define_staff('C2', '李娜', 'crm_clerk', '{store:S02}', 'clerk.s02'),"
        " crm.access_define_staff('T1', '赵敏', 'crm_steward', '{all}', 'steward');"
        "SELECT crm.access_set_password('C1', 'a long enough password'), crm.access_set_password('C2', 'another long password'),"
        " crm.access_set_password('T1', 'the steward has one too');"
        "SELECT crm.outbox_define_endpoint('carrier', 'http://127.0.0.1:9/', NULL, '{\"is_private_allowed\": true}');"
        "SELECT crm.outbox_set_channel('sms', 'carrier');", DB)
    return {role: sql(f"SELECT crm.access_create_key('test {role}', 'crm_{role}', {source}, {store})", DB)
            for role, source, store in (("till", "'pos'", "'S01'"), ("headquarters", "NULL", "NULL"), ("steward", "NULL", "NULL"),
                                        ("clerk", "NULL", "'S01'"), ("store_manager", "NULL", "'S02'"), ("admin", "NULL", "NULL"))}


def test_intake(web, keys):
    member = {"external_id": "M1", "name": "王小明", "phone": PHONE, "store_code": "S01", "registered_at": "2026-01-05T10:00:00+08:00"}
    answer = web.request("POST", "/api/v1/members", json.dumps(member), key=keys["till"])
    ok(answer.status in (200, 201) and answer.json()["external_id"] == "M1", "a member is taken", answer)
    again = web.request("POST", "/api/v1/members", json.dumps(member), key=keys["till"])
    ok(again.status == 200 and again.json()["outcome"] == "unchanged", "the same once more changes nothing", again)
    order = {"external_id": "O1", "ordered_at": "2026-03-31T10:00:00+08:00", "store_code": "S01", "phone": PHONE, "amount": "59.10",
             "items": [{"line_key": "1", "product_code": "P1", "quantity": 1, "unit_price": "59.10"}]}
    answer = web.request("POST", "/api/v1/orders", json.dumps(order), headers={"X-Api-Key": keys["till"], "Idempotency-Key": '"order-O1"'})
    ok(answer.status in (200, 201) and answer.json()["customer_id"], "an order is taken, and whose it is is known", answer)
    person = answer.json()["customer_id"]
    replay = web.request("POST", "/api/v1/orders", json.dumps(order), headers={"X-Api-Key": keys["till"], "Idempotency-Key": '"order-O1"'})
    ok(replay.status == answer.status and replay.json()["fact_id"] == answer.json()["fact_id"], "its replay gets the first answer", replay)
    other = web.request("POST", "/api/v1/orders", json.dumps({**order, "amount": "1.00"}), headers={"X-Api-Key": keys["till"], "Idempotency-Key": '"order-O1"'})
    equal(other.status, 422, "the same key with another body is 422")
    for name, change, field in (("no external_id", {"external_id": None}, "external_id"), ("a day that is none", {"ordered_at": "yesterday"}, "ordered_at"),
                                ("an unknown store", {"store_code": "S99"}, "store_code")):
        bad = web.request("POST", "/api/v1/orders", json.dumps({**order, "external_id": "O2", **change}), key=keys["till"])
        problem = bad.json()
        ok(400 <= bad.status < 500 and problem.get("errors", [{}])[0].get("pointer") == f"/{field}" and problem.get("hint"),
           f"{name} is refused by its field, with a remedy", bad)
    bad = web.request("POST", "/api/v1/orders", b'{"external_id": "\xff"', key=keys["till"])
    ok(400 <= bad.status < 500, "a broken body is refused", bad)
    equal(int(sql("SELECT count(*) FROM crm.inbox WHERE payload = '\\x7b2265787465726e616c5f6964223a2022ff22'", DB)), 1, "and kept, byte for byte")
    money = sql("SELECT sum(amount) FROM crm.order_current", DB) if sql("SELECT to_regclass('crm.order_current') IS NOT NULL", DB) == "t" else "59.10"
    equal(money, "59.10", "the money is exact")
    refund = {"external_id": "R1", "order_external_id": "O1", "amount": "9.10", "refunded_at": "2026-04-01T10:00:00+08:00"}
    answer = web.request("POST", "/api/v1/refunds", json.dumps(refund), key=keys["till"])
    ok(answer.status in (200, 201), "a refund is taken", answer)
    event = {"external_id": "E1", "type": "page_view", "occurred_at": "2026-04-01T10:00:00+08:00", "phone": PHONE}
    answer = web.request("POST", "/api/v1/events", json.dumps(event), key=keys["till"])
    ok(answer.status in (200, 201, 202), "an event is taken", answer)
    gathered = {"events": [{**event, "external_id": "C1"}, {"type": "page_view"}, {**event, "external_id": "C2", "properties": {"seconds": 42}}]}
    answer = web.request("POST", "/api/v1/collect", json.dumps(gathered), key=keys["till"])
    ok(answer.status == 200 and answer.json()["taken"] == 2 and [r["index"] for r in answer.json()["refused"]] == [1], "what a page gathered, the faulty one named", answer)
    answer = web.request("POST", "/api/v1/collect", "[]", key=keys["till"])
    ok(answer.status == 422 and answer.json()["code"] == "RM200", "no events are no call", answer)
    nobody = {"external_id": "O-nobody", "ordered_at": "2026-03-31T10:00:00+08:00", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "5.00"}]}
    equal(web.request("POST", "/api/v1/orders", json.dumps(nobody), key=keys["till"]).status, 201, "an order of nobody is taken")
    source = web.request("GET", "/api/v1/sources", key=keys["headquarters"]).json()["items"]
    found = [o for s in source for o in web.request("GET", f"/api/v1/sources/{s['source']}/unmatched", key=keys["headquarters"]).json()["items"]]
    ok(any(o["external_id"] == "O-nobody" and o["lines"][0]["product_code"] == "P1" for o in found), "and can be asked for, with its lines", found)
    equal(web.request("GET", f"/api/v1/sources/{source[0]['source']}/unmatched", key=keys["till"]).status, 403, "not by a till")
    note = {"external_id": "N1", "occurred_at": "2026-04-01T11:00:00+08:00", "channel": "call", "phone": PHONE, "body": "asked for cake", "store_code": "S01"}
    answer = web.request("POST", "/api/v1/interactions", json.dumps(note), key=keys["till"])
    ok(answer.status in (200, 201), "a note is taken", answer)
    answer = web.request("POST", "/api/v1/products", json.dumps({"external_id": "P1", "name": "蛋糕", "category_code": "cake"}), key=keys["till"])
    ok(answer.status in (200, 201), "a product is taken", answer)
    answer = web.request("POST", "/api/v1/consents", json.dumps({"phone": PHONE, "channel": "sms", "state": "yes", "occurred_at": "2026-04-01T11:00:00+08:00",
                                                                 "member_external_id": "M1"}), key=keys["till"])
    ok(answer.status in (200, 201), "a consent is taken", answer)
    answer = web.request("GET", "/api/v1/ingest/order-O1", key=keys["till"])
    equal(answer.status, 200, "what became of a call can be asked")
    return person


def test_signed(web):
    """A source that signs: what does not carry its signature over these very bytes is not taken."""
    secret = base64.b64encode(b"a secret of the platform's, 32 b.").decode()
    sql(f"SELECT crm.ingest_define_source('platform', 'platform', 'shop_platform', '{{\"signing_secret\": \"whsec_{secret}\"}}')", DB)
    key = sql("SELECT crm.access_create_key('platform', 'crm_till', 'platform')", DB)
    body = json.dumps({"external_id": "W1", "type": "page_view", "device": "d", "occurred_at": "2026-04-01T10:00:00+08:00"})

    def send(signed, at):
        mac = hmac.new(base64.b64decode(secret), f"msg_1.{at}.{signed}".encode(), hashlib.sha256).digest()
        return web.request("POST", "/api/v1/events", body, headers={"X-Api-Key": key, "webhook-id": "msg_1", "webhook-timestamp": str(at),
                                                                    "webhook-signature": "v1," + base64.b64encode(mac).decode()})

    now = int(time.time())
    equal(web.request("POST", "/api/v1/events", body, key=key).status, 401, "without its signature")
    equal((send(body + " ", now).status, send(body, now - 400).status), (401, 401), "with that of other bytes, or an old one")
    answer = send(body, now)
    equal(answer.status, 201, "with its own it is taken")
    equal(send(body, now).json().get("fact_id"), answer.json()["fact_id"], "delivered again it is what it was")


def sign_in(web, login, password):
    return web.request("POST", "/api/v1/sign-in", json.dumps({"login": login, "password": password}), key=None)


def test_reading(web, keys, person):
    answer = web.request("GET", f"/api/v1/persons/{person}", key=keys["clerk"])
    ok(answer.status == 200 and PHONE not in answer.body.decode() and "etag" in answer.headers, "the clerk of the store reads the person, masked", answer)
    again = web.request("GET", f"/api/v1/persons/{person}", headers={"X-Api-Key": keys["clerk"], "If-None-Match": answer.headers["etag"]})
    equal(again.status, 304, "unchanged it is 304")
    equal(web.request("GET", f"/api/v1/persons/{person}", key=keys["store_manager"]).status, 404, "the other store's manager does not")
    equal(web.request("GET", f"/api/v1/persons/{person}", key=keys["till"]).status in (403, 404), True, "nor does a till")
    for part in ("overview", "value", "explain", "coupons", "timeline"):
        answer = web.request("GET", f"/api/v1/persons/{person}/{part}", key=keys["headquarters"])
        ok(answer.status == 200 and PHONE not in answer.body.decode(), f"its {part}", answer)
        answer = web.request("GET", f"/api/v1/persons/999999999/{part}", key=keys["headquarters"])
        ok(answer.status == 404 or (part in ("coupons", "timeline") and answer.status == 200 and answer.json()["items"] == []), f"the {part} of nobody", answer)
    answer = web.request("GET", f"/api/v1/persons/{person}/golden", key=keys["headquarters"])
    ok(answer.status == 200 and PHONE not in answer.body.decode() and any(f["field"] == "phone" for f in answer.json()["fields"]), "where its values came from", answer)
    equal(web.request("GET", f"/api/v1/persons/{person}/golden", key=keys["clerk"]).status, 403, "which is no clerk's")
    answer = web.request("GET", "/api/v1/identity-quality", key=keys["headquarters"])
    ok(answer.status == 200 and any(s["records"] > 0 for s in answer.json()["items"]), "the quality of sources", answer)
    tried = web.request("POST", "/api/v1/identity-shadow", json.dumps({"source": "pos", "is_on": True, "reason": "cutover"}), key=keys["steward"])
    ok(tried.status == 200 and tried.json()["sources"] == ["pos"], "a source is tried out: what it would merge is proposed", tried)
    listed = web.request("GET", "/api/v1/identity-shadow", key=keys["headquarters"])
    ok(listed.status == 200 and [row["is_on"] for row in listed.json()["items"] if row["source"] == "pos"] == [True], "and told of", listed)
    equal(web.request("POST", "/api/v1/identity-shadow", json.dumps({"source": "pos", "is_on": False, "reason": "x"}), key=keys["clerk"]).status, 403, "not by a clerk")
    equal(web.request("POST", "/api/v1/identity-shadow", json.dumps({"source": "pos", "is_on": False, "reason": "looks right"}), key=keys["steward"]).status, 200, "it is let go")
    again = lambda body, key: web.request("POST", "/api/v1/identity-resettle", json.dumps(body), key=keys[key])
    begun = again({"reason": "other settings"}, "steward")
    ok(begun.status == 202 and begun.json()["records"] > 0, "everybody is settled anew", begun)
    ok(web.request("GET", "/api/v1/identity-resettle", key=keys["headquarters"]).json()["run_id"] == begun.json()["run_id"], "and one sees how far")
    equal([again({"reason": "x"}, "clerk").status, again({}, "steward").json()["errors"][0]["pointer"]], [403, "/reason"], "not by a clerk, not without a reason")
    equal(web.request("GET", "/api/v1/identity-quality?source=nowhere", key=keys["headquarters"]).status, 404, "not of a source that is none")
    equal(web.request("GET", "/api/v1/identity-quality", key=keys["clerk"]).status, 403, "nor to a clerk")
    answer = web.request("GET", f"/api/v1/persons/{person}/timeline?limit=1", key=keys["headquarters"])
    ok(len(answer.json()["items"]) == 1 and 'rel="next"' in answer.headers.get("link", ""), "the timeline is paged", answer)
    lines = web.request("GET", f"/api/v1/persons/{person}/timeline", headers={"X-Api-Key": keys["headquarters"], "Accept": "application/x-ndjson"}).body.splitlines()
    ok(len(lines) > 2 and json.loads(lines[-1])["_end"] is True, "and streamed")
    equal(web.request("GET", f"/api/v1/persons/{person}/value?as_of=2026-04-01", key=keys["headquarters"]).status, 200, "the value as of a day")
    answer = web.request("POST", "/api/v1/lookup", json.dumps({"kind": "phone", "value": PHONE}), key=keys["clerk"])
    ok(answer.status == 200 and PHONE not in answer.body.decode(), "a look-up by phone finds the card, masked", answer)
    answer = web.request("POST", "/api/v1/lookup", json.dumps({"kind": "phone"}), key=keys["clerk"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/value", "a look-up without a value names the field", answer)
    for body in ("[]", '"x"', "null", "7"):
        equal(web.request("POST", "/api/v1/lookup", body, key=keys["clerk"]).status, 422, f"the body {body} is no object")
    answer = web.request("POST", "/api/v1/search", json.dumps({"text": PHONE[-4:]}), key=keys["clerk"])
    ok(answer.status == 200 and len(answer.json()["items"]) == 1, "the last four digits find the person in one's scope", answer)
    answer = web.request("POST", "/api/v1/search", json.dumps({"text": PHONE[-4:]}), key=keys["store_manager"])
    ok(answer.status == 200 and answer.json()["items"] == [], "and nobody in another", answer)
    answer = web.request("POST", f"/api/v1/persons/{person}/unmask", json.dumps({"fields": ["phone"], "reason": "test"}), key=keys["clerk"])
    ok(answer.status == 403 and "Sign in" in answer.json()["hint"], "nobody unmasks with a key", answer)
    steward = {"Cookie": sign_in(web, "steward", "the steward has one too").headers["set-cookie"].partition(";")[0]}
    answer = web.request("POST", f"/api/v1/persons/{person}/unmask", json.dumps({"fields": ["phone"], "reason": "test"}), headers=steward)
    ok(answer.status == 200 and PHONE in answer.body.decode(), "a steward who signed in does", answer)
    equal(sql("SELECT count(*) > 0 FROM crm.audit WHERE action = 'unmask'", DB), "t", "and it is in the audit")
    answer = web.request("POST", f"/api/v1/persons/{person}/unmask", json.dumps({"fields": "phone", "reason": "test"}), headers=steward)
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/fields", "fields that are no list", answer)
    equal(web.request("GET", "/api/v1/health-board", key=keys["headquarters"]).status, 200, "the health board")
    equal(web.request("GET", "/api/v1/health-board?on_day=2026-13-01", key=keys["headquarters"]).status in (400, 422), True, "not on a day that is none")
    for part in ("forecast", "journey", "habits"):
        equal(web.request("GET", f"/api/v1/persons/{person}/{part}", key=keys["clerk"]).status, 200, f"a person's {part}")
        equal(web.request("GET", f"/api/v1/persons/999999999/{part}", key=keys["clerk"]).status, 404, f"the {part} of nobody")
    span = "from=2026-01-01&to=2026-12-31"
    for path in (f"metrics?{span}", f"life-cycle?{span}&unit=week", f"retention?{span}", f"stores?{span}", "completeness", "indicators?period=week", f"trend?{span}&unit=week", f"frequency?{span}", "forecast?months=2",
                 "panels", "origins", "intervals", "mix", "managers", "lost", "lost?by=product", "leads", "usage?unit=quarter", "staff-use", "functions", "leaderboard?month=2026-03-01", "saved"):
        answer = web.request("GET", f"/api/v1/reports/{path}", key=keys["headquarters"])
        ok(answer.status == 200 and isinstance(answer.json(), (dict, list)), f"the report {path.partition('?')[0]}", answer)
        equal(web.request("GET", f"/api/v1/reports/{path}", key=keys["clerk"]).status, 403, "which is no clerk's")
    cells, later = ({(row["cohort"], row["period"]): row["retained"] for row in web.request("GET", f"/api/v1/reports/retention?{span}{more}", key=keys["headquarters"]).json()}
                    for more in ("", "&unbounded=true"))
    ok(cells.keys() == later.keys() and all(later[cohort, period] >= max(cells[cohort, period], later.get((cohort, period + 1), 0)) for cohort, period in cells),
       "who bought in a period or later", (cells, later))
    equal(web.request("GET", f"/api/v1/reports/retention?{span}&unbounded=perhaps", key=keys["headquarters"]).status in (400, 422), True, "or perhaps")
    funnel = {"steps": ["registered", "order"], "from": "2020-01-01", "to": "2099-12-31", "window_days": 3650}
    steps = web.request("POST", "/api/v1/reports/funnel", json.dumps(funnel), key=keys["headquarters"]).json()
    for step, dropped, wanted in ((1, False, steps[0]["persons"]), (2, False, steps[1]["persons"]), (1, True, steps[0]["persons"] - steps[1]["persons"])):
        answer = web.request("POST", "/api/v1/reports/funnel/persons", json.dumps({**funnel, "step": step, "dropped": dropped, "limit": 10000}), key=keys["headquarters"])
        ok(answer.status == 200 and len(answer.json()["items"]) == wanted and all("name" in row for row in answer.json()["items"]), f"the persons of step {step}, dropped {dropped}", answer)
    first = answer.json()["items"][0]["customer_id"]
    answer = web.request("POST", "/api/v1/reports/funnel/persons", json.dumps({**funnel, "step": 1, "dropped": True, "after": first, "limit": 1}), key=keys["headquarters"])
    ok(answer.status == 200 and [row["customer_id"] > first for row in answer.json()["items"]] == [True] * min(1, wanted - 1), "a page of them", answer)
    equal(web.request("POST", "/api/v1/reports/funnel/persons", json.dumps(funnel), key=keys["headquarters"]).status, 422, "of no step")
    equal(web.request("POST", "/api/v1/reports/funnel/persons", json.dumps({**funnel, "step": 1}), key=keys["clerk"]).status, 403, "which are no clerk's")
    answer = web.request("GET", "/api/v1/reports/trial?coupon_type=welcome_5", key=keys["headquarters"])
    ok(answer.status == 200 and answer.json()["offer"] == "welcome_5", "what became of an offer", answer)
    equal(web.request("GET", "/api/v1/reports/trial?coupon_type=none", key=keys["headquarters"]).status, 404, "of one that is none")
    goal = {"metric": "net", "goal": 1000}
    answer = web.request("PUT", "/api/v1/targets", json.dumps(goal), key=keys["headquarters"])
    ok(answer.status == 200 and answer.json()["place"] == "chain", "a goal of the chain", answer)
    answer = web.request("GET", "/api/v1/targets", key=keys["headquarters"])
    ok(answer.status == 200 and answer.json()["items"][0]["metric"] == "net", "how far it is reached", answer)
    equal(web.request("PUT", "/api/v1/targets", json.dumps(goal), key=keys["clerk"]).status, 403, "no clerk sets goals")
    equal(web.request("GET", "/api/v1/my-targets", key=keys["clerk"]).status, 200, "a clerk's own goals")
    answer = web.request("PUT", "/api/v1/targets", json.dumps({**goal, "goal": -1}), key=keys["headquarters"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/goal", "a goal below nothing", answer)
    chart = {"measure": "net", "group": "month", "days": 90}
    answer = web.request("POST", "/api/v1/reports/chart", json.dumps(chart), key=keys["headquarters"])
    ok(answer.status == 200 and len(answer.json()["rows"]) >= 3, "a chart put together", answer)
    answer = web.request("POST", "/api/v1/reports/chart", json.dumps({**chart, "measure": "phone"}), key=keys["headquarters"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/measure", "not of what is no measure", answer)
    answer = web.request("POST", "/api/v1/reports/saved", json.dumps({"name": "net", "spec": chart, "roles": ["store_manager"]}), key=keys["headquarters"])
    ok(answer.status == 200, "a chart is saved", answer)
    saved = answer.json()["report_id"]
    equal(web.request("DELETE", f"/api/v1/reports/saved/{saved}", key=keys["store_manager"]).status, 404, "and not deleted by whom it is shared with")
    answer = web.request("POST", "/api/v1/reports/saved", json.dumps({"name": "", "spec": chart}), key=keys["headquarters"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/name", "none without a name", answer)
    for field, value in (("roles", "store_manager"), ("roles", [1]), ("report_id", "mine")):
        answer = web.request("POST", "/api/v1/reports/saved", json.dumps({"name": "net", "spec": chart, field: value}), key=keys["headquarters"])
        ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == f"/{field}", f"nor with {value} as {field}", answer)
    equal(web.request("DELETE", f"/api/v1/reports/saved/{saved}", key=keys["headquarters"]).status, 200, "but by who saved it")
    equal(web.request("GET", "/api/v1/value/segments?model=quintile", key=keys["headquarters"]).status, 200, "segments of a model")
    answer = web.request("GET", "/api/v1/value/segments?model=none", key=keys["headquarters"])
    ok(answer.status == 404 and answer.json()["hint"], "of one that is none", answer)
    span = "from=2026-01-01&to=2026-06-30"
    for asked, member in ((f"journey?{span}", "attainment"), ("conversion?from_tier=B&to_tier=A&months=2&as_of=2026-06-30", "converted"), (f"tier-transitions?{span}", "to_tier"),
                          (f"stage-transitions?{span}", "to_stage"), (f"paths?{span}&depth=2", "path")):
        answer = web.request("GET", f"/api/v1/value/{asked}", key=keys["headquarters"])
        ok(answer.status == 200 and all(member in row for row in answer.json()["items"]), f"value/{asked.split('?')[0]}", answer)
    equal(len(web.request("GET", "/api/v1/value/conversion?from_tier=B&to_tier=A&months=2", key=keys["headquarters"]).json()["items"]), 2, "a row a month")
    answer = web.request("GET", f"/api/v1/value/follow?event_type=search&{span}&days=3", key=keys["headquarters"])
    ok(answer.status == 200 and answer.json()["days"] == 3 and "lift" in answer.json(), "what follows an event", answer)
    equal(web.request("GET", f"/api/v1/value/follow?event_type=search&{span}", key=keys["clerk"]).status, 403, "is no question of the counter")
    for asked, field in ((f"follow?event_type=none&{span}", "event_type"), (f"follow?event_type=search&{span}&days=0", "days"), ("follow?event_type=search&from=2026-06-30&to=2026-01-01", "to"), ("journey?from=2026-06-30&to=2026-01-01", "to"),
                         ("conversion?from_tier=B&to_tier=A&months=0", "months"), (f"conversion?from_tier={'x' * 99}&to_tier=A", "from_tier")):
        answer = web.request("GET", f"/api/v1/value/{asked}", key=keys["headquarters"])
        ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == f"/{field}" and answer.json()["hint"], f"value/{asked[:40]} names {field} as it was asked", answer)
    funnel = {"steps": ["registered", "order"], "from": "2020-01-01", "to": "2030-12-31", "window_days": 3650}
    answer = web.request("POST", "/api/v1/reports/funnel", json.dumps(funnel), key=keys["headquarters"])
    ok(answer.status == 200 and [step["step"] for step in answer.json()] == [1, 2] and answer.json()[0]["persons"] > 0, "a funnel", answer)
    answer = web.request("POST", "/api/v1/reports/funnel", json.dumps({**funnel, "steps": ["no such event"]}), key=keys["headquarters"])
    ok(answer.status in (400, 422), "not of steps that mean nothing", answer)


def test_flows(web, keys):
    answer = web.request("GET", "/api/v1/flows", key=keys["headquarters"])
    codes = [flow.get("code") or flow.get("flow") for flow in answer.json().get("items", [])]
    ok(answer.status == 200 and len(codes) >= 3, "three flows are there", answer)
    for code in codes[:3]:
        for part in ("preview", "results"):
            answer = web.request("GET", f"/api/v1/flows/{code}/{part}", key=keys["headquarters"])
            equal(answer.status, 200, f"{code}: {part}")
    for act in ("start", "pause"):
        answer = web.request("POST", f"/api/v1/flows/{codes[0]}/{act}", key=keys["headquarters"])
        ok(answer.status == 200, f"{codes[0]}: {act}", answer)
        equal(web.request("POST", f"/api/v1/flows/{codes[0]}/{act}", key=keys["clerk"]).status, 403, f"{act} is not for a clerk")
    equal(web.request("GET", "/api/v1/flows/there-is-none/preview", key=keys["headquarters"]).status, 404, "an unknown flow")
    equal(web.request("GET", "/api/v1/outbox/1-NONE", key=keys["headquarters"]).status, 404, "an unknown message")
    answer = web.request("POST", "/api/v1/points/return", json.dumps({"reference": "NONE"}), key=keys["till"])
    ok(answer.status == 404 and answer.json()["code"] == "RM610", "points nobody spent are not returned", answer)
    answer = web.request("POST", "/api/v1/coupons/redeem", json.dumps({"code": "NONE", "order_external_id": "O1", "amount": "59.10", "store_code": "S01"}), key=keys["till"])
    ok(400 <= answer.status < 500, "an unknown coupon", answer)
    answer = web.request("POST", "/api/v1/coupons/redeem", json.dumps({"code": "NONE", "order_external_id": "O1", "amount": "x"}), key=keys["till"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/amount", "an amount that is no number", answer)
    answer = web.request("POST", "/api/v1/orders", json.dumps({"external_id": "O9", "ordered_at": "2026-03-30T10:00:00+08:00", "items": [
        {"product_code": "P1", "quantity": 1, "amount": "1.00"}, {"product_code": "P1", "quantity": 1, "unit_price": "x"}]}), key=keys["till"])
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/items/1/unit_price", "a field of a line is pointed at as RFC 6901 says", answer)
    for consents, status in (([], 201), (None, 201), (["sms"], 201), ("sms", 422), ([1], 422)):
        answer = web.request("POST", "/api/v1/enrol", json.dumps({"name": "李雷", "phone": "13967241906", "consents": consents}), key=keys["clerk"])
        equal(answer.status, status, f"enrolled with consents {json.dumps(consents)}")
    answer = web.request("POST", "/api/v1/opt-outs", json.dumps({"channel": "sms", "address": OTHER, "evidence": "TD"}), key=keys["headquarters"])
    ok(answer.status in (200, 403), "an opt-out", answer)


def test_words(web, keys, person):
    """What a customer says at the counter about being written to: noted, refused with its field, taken back by who noted it, the scope's persons only."""
    def send(body, who="clerk", whom=person, method="POST", word="", **more):
        return web.request(method, f"/api/v1/persons/{whom}/consents{word}", None if body is None else json.dumps(body), key=keys[who], **more)

    def state(who="clerk"):
        return web.request("GET", f"/api/v1/persons/{person}/overview", key=keys[who]).json()["consents"]["sms"]

    equal(state(), "yes", "who said yes by the till")
    said = send({"state": "no", "channels": ["sms"], "evidence": "said at the counter"}, headers={"Idempotency-Key": '"word-1"'})
    again = send({"state": "no", "channels": ["sms"], "evidence": "said at the counter"}, headers={"Idempotency-Key": '"word-1"'})
    ok(said.status == 200 and again.json() == said.json() and state() == "no", "says no more to a clerk, once however often it is sent", [said.body, again.body])
    words = {word["channel"]: word for word in said.json()["consents"]}
    ok(words["sms"]["way"] == "said" and words["sms"]["evidence"] == "said at the counter" and words["sms"]["store_name"] == "one", "with where and on what", words["sms"])
    entry = web.request("GET", f"/api/v1/persons/{person}/timeline?limit=50", key=keys["clerk"]).json()["items"]
    ok(any(one["kind"] == "consent" and one["state"] == "no" and one["channels"] == ["sms"] for one in entry), "on the timeline", entry)
    for body, field in (({"state": "yes", "channels": ["sms"]}, "evidence"), ({"state": "yes", "evidence": "told"}, "channels"), ({"state": "maybe", "channels": ["sms"]}, "state"), ({"channels": ["sms"]}, "state"),
                        ({"state": "no", "channels": ["pigeon"]}, "channels"), ({"state": "no", "channels": []}, "channels"), ({"state": "no", "channels": "sms"}, "channels"), ({"state": "no", "evidence": "x" * 501}, "evidence")):
        answer = send(body)
        ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == f"/{field}" and answer.json()["hint"], f"{json.dumps(body)[:60]} is refused at {field}", answer)
    word = said.json()["word_id"]
    equal((send({"state": "no"}, who="store_manager").status, send(None, who="store_manager", method="DELETE", word=f"/{word}").status, send({"state": "no"}, whom=999999999).status), (404, 404, 404), "a manager of another store has no such person")
    equal((send({"state": "no"}, who="steward").status, send({"state": "no"}, who="till").status, send(None, who="admin", method="DELETE", word=f"/{word}").status), (403, 403, 403), "nor do other roles note it")
    theirs = send(None, who="headquarters", method="DELETE", word=f"/{word}")
    ok(theirs.status == 409 and theirs.json()["code"] == "RM703" and theirs.json()["hint"], "taken back by nobody else", theirs)
    back = send(None, method="DELETE", word=f"/{word}")
    ok(back.status == 200 and state() == "yes", "but by who noted it", back)
    equal((send(None, method="DELETE", word=f"/{word}").status, send(None, method="DELETE", word="/none").status), (409, 404), "once")
    nothing = send({"state": "no"})
    ok(nothing.status == 200 and all(one["state"] == "no" for one in nothing.json()["consents"] if one["channel"] != "location"), "nothing at all", nothing)
    equal(send({"state": "yes", "channels": ["sms"], "evidence": "read the notice at the till"}).status, 200, "yes with what was shown")
    equal((state("headquarters"), sql(f"SELECT count(DISTINCT actor) FROM crm.audit WHERE object_id = {person} AND action ~ '^consent'", DB)), ("yes", "1"), "and the trail knows who noted each")


def test_points(web, keys, person):
    """Points spent at the counter for an order, said when it was done before, given back, and spent anew for the same order."""
    def spend(points, reference="K1", who="clerk", key=None, **more):
        return web.request("POST", f"/api/v1/persons/{person}/points/spend", json.dumps({"points": points, "source": "console", "reference": reference, **more}), {"Idempotency-Key": f'"{key}"'} if key else {}, key=keys[who])

    def give_back(reference="K1", who="clerk"):
        return web.request("POST", "/api/v1/points/return", json.dumps({"source": "console", "reference": reference}), key=keys[who])

    equal(web.request("POST", f"/api/v1/persons/{person}/points/adjust", json.dumps({"points": 100, "reason": "to begin with"}), key=keys["headquarters"]).status, 200, "points are given")
    sql("SELECT crm.access_set_setting('loyalty.point_value', '0.01')", DB)
    there = web.request("GET", f"/api/v1/persons/{person}/points", key=keys["clerk"]).json()
    equal((there["available"], float(there["point_value"])), (100, .01), "and what each is worth")
    first, again = spend(40, key="p-1"), spend(40, key="p-2")
    equal((first.status, first.json()["available"], float(first.json()["worth"]), first.json()["repeated"]), (200, 60, .4, False), "spent for an order")
    equal((again.status, again.json()["available"], again.json()["repeated"], again.json()["spent_at"]), (200, 60, True, first.json()["spent_at"]), "sent anew it says when")
    for answer, status, code, field in ((spend(41, key="p-3"), 409, "RM609", "reference"), (spend(61, "K2"), 409, "RM608", "points"), (spend(0, "K2"), 422, "22023", "points"), (spend("1.5", "K2"), 422, "22023", "points"), (spend(1, ""), 422, "22023", "reference")):
        ok(answer.status == status and answer.json()["code"] == code and answer.json()["errors"][0]["pointer"] == f"/{field}" and answer.json()["hint"], f"{code} at {field}", answer)
    equal((spend(1, "K3", "store_manager").status, spend(1, "K3", "steward").status), (404, 403), "not of another store's person, nor by other roles")
    equal((give_back().json()["available"], give_back().json()["available"]), (100, 100), "given back, once")
    equal((spend(30, key="p-1").status, spend(30).status, spend(30, key="p-4").json().get("available")), (422, 409, 70), "spent anew for the same order by a call of its own, not by a repeat of the first or without a key")


def test_site(web, keys, person):
    """A page asks what to show; the link in it leads where the flow says, and counts."""
    sql("SELECT crm.access_set_setting('campaign.link_base', '\"https://crm.example\"');"
        "SELECT crm.outbox_define_template('page', 'site', '{{name}} {{link}}');"
        "SELECT crm.campaign_create('page', 'site_long_look', '{\"holdout_percent\": 0, \"who\": {}, \"template\": \"page\", \"coupon_type\": null, "
        "\"link\": {\"url\": \"https://shop.example/cart?from=crm\"}}'), crm.campaign_start('page')", DB)
    visit = {"place": "product_page", "session": "session-0001", "kind": "phone", "value": PHONE}
    shown = web.request("POST", "/api/v1/decide", json.dumps(visit), key=keys["till"])
    ok(shown.status == 200 and shown.json()["flow"] == "page" and not shown.json()["is_repeat"], "a page is told what to show", shown)
    ok("王小明" not in shown.json()["text"] and PHONE not in shown.body.decode(), "and neither name nor phone in clear", shown)
    again = web.request("POST", "/api/v1/decide", json.dumps(visit), key=keys["till"]).json()
    equal((again["text"], again["is_repeat"]), (shown.json()["text"], True), "the same for the rest of the session")
    equal(web.request("POST", "/api/v1/decide", json.dumps({**visit, "value": "13999999999", "session": "session-0002"}), key=keys["till"]).json(), {"flow": None}, "nobody is shown nothing")
    equal(web.request("POST", "/api/v1/decide", json.dumps(visit), key=keys["clerk"]).status, 403, "a clerk does not ask for pages")
    equal(web.request("POST", "/api/v1/decide", json.dumps({**visit, "session": "x"}), key=keys["till"]).status, 422, "a visit has a session")
    token = shown.json()["link"].rsplit("/", 1)[1]
    ahead = web.request("GET", f"/s/{token}", headers={"Sec-Purpose": "prefetch"}, key=None)
    equal((ahead.status, ahead.headers.get("location")), (302, "https://shop.example/cart?from=crm"), "a browser that looks ahead is led there")
    equal(web.request("HEAD", f"/s/{token}", key=None).status, 302, "and a chat program that asks what a link answers")
    equal(sql(f"SELECT clicks FROM crm.message_link WHERE token = '{token}'", DB), "0", "neither is a click")
    for query in ("", "?url=https://evil.example", "?to=//evil.example"):
        answer = web.request("GET", f"/s/{token}{query}", key=None)
        ok(answer.status in (302, 400) and answer.headers.get("location", "https://shop.example/cart?from=crm") == "https://shop.example/cart?from=crm",
           f"a link leads where the flow says, whatever is asked besides ({query or 'nothing'})", answer)
    equal(sql(f"SELECT clicks >= 1 AND first_click_at IS NOT NULL FROM crm.message_link WHERE token = '{token}'", DB), "t", "the click is counted")
    equal(sql("SELECT count(*) FROM crm.outbox_event WHERE kind = 'clicked'", DB), "1", "and stands beside the message, once")
    for bad in ("AAAAAAAAAAAAAAAAAAAAAA", "x", "%2e%2e", "a" * 3000, token + "%0d%0aSet-Cookie:a=b"):
        answer = web.request("GET", f"/s/{bad}", key=None)
        ok(400 <= answer.status < 500 and "location" not in answer.headers, f"a token nobody gave out leads nowhere ({bad[:24]})", answer)
    equal(web.request("POST", f"/s/{token}", b"{}", key=None).status, 405, "a link is followed, not posted to")


def test_tickets(web, keys, person):
    hq, clerk, till = keys["headquarters"], keys["clerk"], keys["till"]
    topics = [topic["topic"] for topic in web.request("GET", "/api/v1/ticket-topics", key=clerk).json()["items"]]
    ok("quality" in topics and "suggestion" in topics, "topics of tickets", topics)
    body = json.dumps({"topic": "quality", "body": "不新鲜"})
    headers = {"X-Api-Key": hq, "Idempotency-Key": '"ticket-1"'}
    answer = web.request("POST", f"/api/v1/persons/{person}/tickets", body, headers=headers)
    ok(answer.status == 201 and answer.json()["state"] == "open" and answer.json()["title"] == "不新鲜", "a ticket is opened", answer)
    equal(web.request("POST", f"/api/v1/persons/{person}/tickets", body, headers=headers).body, answer.body, "its replay gets the first answer")
    ticket = f"/api/v1/persons/{person}/tickets/{answer.json()['ticket_id']}"
    for bad, field in (({"topic": "nothing", "body": "x"}, "topic"), ({"topic": "quality"}, "body"), ({"topic": "quality", "body": "x", "channel": "Pigeon Post"}, "channel")):
        answer = web.request("POST", f"/api/v1/persons/{person}/tickets", json.dumps(bad), key=hq)
        ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == f"/{field}" and answer.json()["hint"], f"{bad} is refused at its field with a remedy", answer)
    equal(web.request("PUT", f"{ticket}/stars", '{"stars": 5}', key=hq).json()["code"], "RM882", "no stars before it is settled")
    equal(web.request("POST", f"{ticket}/answer", '{"body": "sorry", "state": "waiting"}', key=hq).json()["state"], "waiting", "answered, the customer's turn")
    equal(web.request("POST", f"{ticket}/resolve", '{"resolution": "replaced"}', key=hq).json()["state"], "resolved", "settled")
    answer = web.request("POST", f"{ticket}/answer", '{"body": "more"}', key=hq)
    ok(answer.status == 409 and answer.json()["code"] == "RM881", "what is settled is not answered", answer)
    equal(web.request("PUT", f"{ticket}/stars", '{"stars": 4}', key=hq).json()["stars"], 4, "rated")
    equal(web.request("POST", f"{ticket}/reopen", '{"reason": "again"}', key=hq).json()["reopened"], 1, "opened again")
    ok(person in [one["customer_id"] for one in web.request("GET", "/api/v1/tickets?list=open&limit=5", key=hq).json()["items"]], "in the list")
    equal(web.request("GET", ticket, key=till).status, 403, "a till reads no ticket")
    equal(web.request("GET", "/api/v1/tickets?list=all", key=hq).status, 422, "a list that is none")
    answer = web.request("POST", "/api/v1/articles", json.dumps({"title": "面包不新鲜怎么办", "body": "当日换新，请保留小票", "topic": "quality"}), key=hq)
    ok(answer.status == 201 and answer.json()["is_active"] is True, "an article is written", answer)
    article = answer.json()["article_id"]
    ok(article in [one["article_id"] for one in web.request("GET", f"{ticket}/suggestions", key=hq).json()["items"]], "it is suggested for a ticket with such words")
    ok(web.request("GET", "/api/v1/articles?text=%E5%B0%8F%E7%A5%A8", key=keys["clerk"]).json()["items"][0]["article_id"] == article, "and found by its words")
    equal(web.request("POST", "/api/v1/articles", '{"title": "x", "body": "x"}', key=keys["clerk"]).status, 403, "no clerk writes one")
    equal(web.request("POST", f"{ticket}/answer", json.dumps({"body": "换新", "article": article}), key=hq).status, 200, "a ticket is answered with it")
    equal(web.request("GET", "/api/v1/reports/knowledge?from=2026-01-01&to=2036-01-01", key=hq).json()["items"][0]["used"], 1, "which the hit rate knows")
    answer = web.request("PUT", f"/api/v1/articles/{article}", '{"title": "x", "body": "y", "is_active": false}', key=hq)
    ok(answer.status == 200 and answer.json()["is_active"] is False and web.request("GET", f"/api/v1/articles/{article}", key=hq).json()["title"] == "x", "changed, and put away", answer)
    equal(web.request("GET", "/api/v1/articles/7", key=hq).status, 404, "one that is not there")
    rows = web.request("GET", "/api/v1/reports/tickets?from=2026-01-01&to=2036-01-01&by=topic", key=hq).json()
    ok(rows["items"][0]["group"] == "quality", "figures by topic", rows)
    equal(web.request("GET", "/api/v1/reports/tickets?from=2026-01-01&to=2025-01-01", key=hq).status, 422, "a span that is none")
    equal(web.request("PUT", "/api/v1/ticket-topics/wifi", json.dumps({"name_zh": "无线网"}), key=clerk).status, 403, "topics are headquarters' data")
    equal(web.request("PUT", "/api/v1/ticket-topics/wifi", json.dumps({"name_zh": "无线网"}), key=hq).json()["answer_minutes"], 240, "a topic of one's own")


def test_deals(web, keys, person):
    hq, clerk, till = keys["headquarters"], keys["clerk"], keys["till"]
    pipelines = {one["pipeline"]: one for one in web.request("GET", "/api/v1/pipelines", key=clerk).json()["items"]}
    equal([stage["stage"] for stage in pipelines["leads"]["stages"]], ["new", "contacted", "interested", "customer", "lost"], "pipelines with their stages")
    body = json.dumps({"pipeline": "consult", "title": "婚礼蛋糕", "amount": "8800.00", "is_important": "true", "lead_source": "web"})
    headers = {"X-Api-Key": hq, "Idempotency-Key": '"deal-1"'}
    answer = web.request("POST", f"/api/v1/persons/{person}/deals", body, headers=headers)
    ok(answer.status == 201 and answer.json()["stage"] == "lead" and answer.json()["is_important"] is True and answer.json()["overlaps"] == [], "a deal is opened", answer)
    equal(web.request("POST", f"/api/v1/persons/{person}/deals", body, headers=headers).body, answer.body, "its replay gets the first answer")
    deal = f"/api/v1/persons/{person}/deals/{answer.json()['deal_id']}"
    equal(web.request("POST", f"{deal}/move", '{"stage": "contact"}', key=hq).json()["missing"], ["minutes", "needs"], "the stage says what it asks for")
    answer = web.request("POST", f"{deal}/move", '{"stage": "won"}', key=hq)
    ok(answer.status == 409 and answer.json()["code"] == "RM876" and "minutes" in answer.json()["hint"], "nor is it won without", answer)
    document = {"evidence": "minutes", "title": "m", "url": "https://files.example/m.pdf", "sha256": "ab" * 32}
    equal(web.request("POST", f"{deal}/evidence", json.dumps(document), key=hq).json()["missing"], ["needs"], "a document is handed in")
    equal(web.request("POST", f"{deal}/evidence", json.dumps({**document, "url": "javascript:alert(1)"}), key=hq).json()["errors"][0]["pointer"], "/url", "an address that is none")
    equal(web.request("PATCH", deal, '{"amount": 9900, "is_important": false}', key=hq).json()["amount"], 9900, "changed")
    ok(person in [one["customer_id"] for one in web.request("GET", "/api/v1/deals?pipeline=consult", key=hq).json()["items"]], "in the list")
    board = web.request("GET", "/api/v1/pipelines/consult/board?from=2026-01-01&to=2035-01-01", key=hq).json()["items"]
    equal([(row["stage"], row["deals"], row["reached"]) for row in board[:3]], [("lead", 0, 1), ("contact", 1, 1), ("proposal", 0, 0)], "the board")
    equal(web.request("POST", f"{deal}/move", '{"stage": "lost"}', key=hq).json()["errors"][0]["pointer"], "/reason", "lost needs the reason")
    equal(web.request("POST", f"{deal}/move", '{"stage": "lost", "reason": "too dear"}', key=hq).json()["outcome"], "lost", "lost")
    equal(web.request("PATCH", deal, '{"amount": 1}', key=hq).json()["code"], "RM875", "for good")
    equal(web.request("GET", "/api/v1/pipelines/consult/won?from=2026-01-01&to=2035-01-01", key=hq).json()["items"], [], "nothing was won")
    equal(web.request("GET", deal, key=till).status, 403, "a till reads no deal")
    equal(web.request("PUT", "/api/v1/pipelines/own", '{"stages": []}', key=clerk).status, 403, "pipelines are headquarters' data")
    equal(web.request("PUT", "/api/v1/pipelines/own", '{"stages": []}', key=hq).json()["errors"][0]["pointer"], "/stages", "a pipeline without stages")


def test_rules(web, keys, person):
    hq, clerk = keys["headquarters"], keys["clerk"]
    rule = {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}
    answer = web.request("GET", "/api/v1/rules/kinds", key=hq)
    ok(answer.status == 200 and "purchase" in [kind["kind"] for kind in answer.json()["items"]], "what rules may ask", answer)
    equal(web.request("GET", "/api/v1/rules/schema", key=hq).json()["title"], "A rule about persons", "the schema of rules")
    equal(web.request("POST", "/api/v1/rules/check", json.dumps({"rule": rule}), key=hq).json(), {"valid": True}, "a rule that can be answered")
    for bad in ({"rule": {"all": [{"kind": "purchase", "days": -1}]}}, {"rule": None}, {}):
        answer = web.request("POST", "/api/v1/rules/check", json.dumps(bad), key=hq)
        ok(answer.status == 422 and answer.json()["code"] == "RM351" and answer.json()["hint"], f"{bad} is refused with a remedy", answer)
    answer = web.request("POST", "/api/v1/rules/preview", json.dumps({"rule": rule, "sample": 3}), key=hq)
    ok(answer.status == 200 and answer.json()["persons"] >= 1 and len(answer.json()["conditions"]) == 1, "a preview counts", answer)
    ok(answer.json()["is_exact"] and web.request("POST", "/api/v1/rules/preview", json.dumps({"rule": rule, "sample": 3, "look_at": 2000}), key=hq).json()["persons"] == answer.json()["persons"],
       "of so few all are asked, whoever would do with some", answer)
    equal(web.request("POST", "/api/v1/rules/preview", json.dumps({"rule": rule, "look_at": "some"}), key=hq).status, 422, "so many persons are a number")
    answer = web.request("POST", f"/api/v1/persons/{person}/rules/explain", json.dumps({"rule": rule}), key=hq)
    ok(answer.status == 200 and answer.json()["conditions"][0]["is_met"] is True, "explained condition by condition", answer)
    equal(web.request("POST", "/api/v1/rules/preview", json.dumps({"rule": rule}), key=clerk).status, 403, "rules are not for a clerk")
    body = json.dumps({"name_zh": "买过", "rule": rule, "kind": "static"})
    equal(web.request("PUT", "/api/v1/segments/buyers", body, key=clerk).status, 403, "nor are segments")
    answer = web.request("PUT", "/api/v1/segments/buyers", body, headers={"X-Api-Key": hq, "Idempotency-Key": '"segment-1"'})
    ok(answer.status == 200 and answer.json()["version"] == 1, "a segment is made", answer)
    again = web.request("PUT", "/api/v1/segments/buyers", body, headers={"X-Api-Key": hq, "Idempotency-Key": '"segment-1"'})
    equal(again.body, answer.body, "its replay gets the first answer")
    answer = web.request("GET", "/api/v1/segments/buyers/members", key=hq)
    ok(answer.status == 200 and person in [member["customer_id"] for member in answer.json()["items"]], "it has its member, masked", answer)
    answer = web.request("POST", "/api/v1/segment-combine", json.dumps({"expression": {"all": ["buyers", "buyers"]}}), key=hq)
    ok(answer.status == 200 and answer.json()["persons"] >= 1, "segments put together", answer)
    equal(web.request("POST", "/api/v1/segments/none/share", json.dumps({"rule": rule}), key=hq).status, 404, "an unknown segment")
    answer = web.request("POST", "/api/v1/segment-overlap", json.dumps({"codes": ["buyers"]}), key=hq)
    ok(answer.status == 200 and answer.json()[0]["both"] == answer.json()[0]["a_persons"], "a segment overlaps with itself", answer)
    equal(web.request("GET", "/api/v1/segments/buyers/changes?limit=5", key=hq).status, 200, "who came and went")
    answer = web.request("GET", "/api/v1/segments/buyers/movement?from=2026-03-01&to=2026-03-07", key=hq)
    ok(answer.status == 200 and len(answer.json()) == 7, "day by day", answer)
    equal(web.request("GET", "/api/v1/segments/buyers/movement?from=2026-03-07&to=2026-03-01", key=hq).status, 422, "days in their order")
    answer = web.request("GET", "/api/v1/rules/values?kind=person&field=store&text=S01", key=hq)
    ok(answer.status == 200 and [row["code"] for row in answer.json()["items"]] == ["S01"], "values to choose from", answer)
    equal(web.request("GET", "/api/v1/rules/values?kind=person&field=city", key=hq).status, 422, "of fields that have a catalogue")
    sets = web.request("GET", "/api/v1/tier-sets", key=hq).json()["items"]
    answer = web.request("POST", "/api/v1/tier-sets/try", json.dumps({"rules": sets[0]["rules"]}), key=hq)
    ok(answer.status == 200 and answer.json()["moved"] == 0, "the tiers in force move nobody", answer)
    equal(web.request("PUT", f"/api/v1/tier-sets/{sets[0]['tier_set']}", json.dumps({"name": "x", "rules": sets[0]["rules"][:1]}), key=hq).json()["code"], "RM502", "tiers with a gap are refused")
    answer = web.request("PUT", "/api/v1/flows/silence_30/name", json.dumps({"name_zh": " "}), key=hq)
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/name_zh", "a flow has a name", answer)
    answer = web.request("PUT", "/api/v1/flows/silence_30/texts", json.dumps({"channel": "sms", "body": "{{secret}}退订回T"}), key=hq)
    ok(answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/body", "and a text whose variables are filled in", answer)
    answer = web.request("POST", "/api/v1/flows/silence_30/texts/read", json.dumps({"customer_id": person, "channel": "sms"}), key=hq)
    ok(answer.status == 200 and "{{" not in answer.json()["text"], "read as a person would", answer)
    equal(web.request("GET", "/api/v1/flows/silence_30/texts", key=clerk).status, 403, "not by a clerk")
    tag = json.dumps({"name_zh": "孕妇关怀", "layer": "base"})
    equal(web.request("PUT", "/api/v1/tags/care", tag, key=keys["store_manager"]).status, 403, "a store cannot make a tag")
    equal(web.request("PUT", "/api/v1/tags/care", tag, key=hq).status, 200, "headquarters can")
    equal(web.request("PUT", f"/api/v1/persons/{person}/tags/care", "{}", key=clerk).status, 200, "a clerk gives it to a person of the store")
    equal(web.request("PUT", f"/api/v1/persons/{person}/tags/none", "{}", key=clerk).status, 404, "not one that the dictionary lacks")
    answer = web.request("GET", f"/api/v1/persons/{person}/tags", key=clerk)
    ok("care" in [tag["tag"] for tag in answer.json()["items"]], "and sees it beside those that rules give", answer)
    equal(web.request("DELETE", f"/api/v1/persons/{person}/tags/care", key=clerk).status, 200, "and takes it back")


def test_sign_in(web):
    answer = sign_in(web, "clerk.s01", "a long enough password")
    cookie = answer.headers.get("set-cookie", "")
    session = cookie.partition(";")[0]
    ok(answer.status == 200 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Max-Age=43200" in cookie and session.startswith("crm_session="), "signing in sets the cookie, for twelve hours", answer)
    ok(session.partition("=")[2] not in answer.body.decode(), "which is in the header only")
    me = web.request("GET", "/api/v1/me", headers={"Cookie": session})
    ok(me.status == 200 and "C1" in me.body.decode(), "and says who one is", me)
    equal(web.request("POST", "/api/v1/sign-out", headers={"Cookie": session, "Sec-Fetch-Site": "cross-site"}).status, 403, "another site cannot sign one out")
    answer = web.request("POST", "/api/v1/sign-out", headers={"Cookie": session})
    ok(answer.status == 204 and "Max-Age=0" in answer.headers.get("set-cookie", ""), "signing out takes the cookie back", answer)
    equal(web.request("GET", "/api/v1/me", headers={"Cookie": session}).status, 401, "and ends the session")
    wrong = [sign_in(web, "clerk.s02", "wrong") for _ in range(5)]
    ok(all(answer.status == 401 and "set-cookie" not in answer.headers for answer in wrong), "wrong passwords are 401", wrong[-1])
    equal(sign_in(web, "clerk.s02", "another long password").status, 401, "after five of them the right one too")
    nobody = sign_in(web, "nobody", "x")
    equal((nobody.status, nobody.json()["detail"]), (401, wrong[0].json()["detail"]), "an unknown login looks the same")
    link = sql("SELECT crm.access_issue_link('C2')", DB)
    answer = web.request("POST", "/api/v1/sign-in/link", json.dumps({"token": link}), key=None)
    ok(answer.status == 200 and "set-cookie" in answer.headers, "a one-time link signs in and unlocks", answer)
    equal(web.request("POST", "/api/v1/sign-in/link", json.dumps({"token": link}), key=None).status, 401, "once")
    session = answer.headers["set-cookie"].partition(";")[0]
    sql("SELECT crm.access_staff_left('C2')", DB)
    equal(web.request("GET", "/api/v1/me", headers={"Cookie": session}).status, 401, "who leaves has no session")


def finished(web, keys, location):
    """Where an import ends, once the worker is through with it."""
    return wait_for(lambda: (lambda job: job if job.get("state") in ("done", "invalid", "awaiting_confirmation", "aborted") else None)(
        web.request("GET", location, key=keys["steward"]).json()), 60)


def test_imports(web, keys):
    head, row = "external_id,name,phone,store_code,registered_at\n", "{0},张{0},1370000{0:04d},S01,2026-01-01T10:00:00+08:00\n"
    good = (head + "".join(row.format(n) for n in range(1000, 1500))).encode()
    answer = web.request("POST", "/api/v1/imports?source=pos&entity=member&history=true", good, headers={"Content-Type": "text/csv", "X-Api-Key": keys["steward"]})
    ok(answer.status == 202 and "location" in answer.headers, "a CSV is taken as a job", answer)
    job = finished(web, keys, answer.headers["location"])
    ok(job and job["state"] == "done", "whose 500 members are applied", job)
    equal(web.request("GET", answer.headers["location"] + "/errors", key=keys["steward"]).json(), {"items": [], "next": None}, "without an error")
    bad = good + "9999,赵六,13700009999,S99,2026-01-01\n".encode()
    answer = web.request("POST", "/api/v1/imports?source=pos&entity=member", bad, headers={"Content-Type": "text/csv", "X-Api-Key": keys["steward"]})
    job = finished(web, keys, answer.headers["location"])
    ok(job and job["state"] == "invalid", "one bad line refuses all", job)
    errors = web.request("GET", answer.headers["location"] + "/errors", key=keys["steward"]).json()["items"]
    ok(len(errors) == 1 and errors[0]["field"] == "store_code" and errors[0]["remedy"], "and is named, with a remedy", errors)
    ndjson = b"".join(json.dumps({"external_id": f"X{n}", "ordered_at": "2026-02-01T10:00:00+08:00", "store_code": "S01", "phone": PHONE, "amount": "10.00",
                                  "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}).encode() + b"\n" for n in range(50))
    answer = web.request("POST", "/api/v1/imports?source=pos&entity=order&dry_run=true", ndjson, headers={"Content-Type": "application/x-ndjson", "X-Api-Key": keys["steward"]})
    job = finished(web, keys, answer.headers["location"])
    ok(job and job["state"] == "awaiting_confirmation", "a dry run waits", job)
    answer = web.request("POST", answer.headers["location"] + "/confirm", key=keys["steward"])
    ok(answer.status == 200, "and goes on when confirmed", answer)
    once = {"Content-Type": "application/x-ndjson", "X-Api-Key": keys["steward"], "Idempotency-Key": '"import-1"'}
    orders = "/api/v1/imports?source=pos&entity=order"
    first = web.request("POST", orders, ndjson, headers=once)
    again = web.request("POST", orders, ndjson, headers=once)
    equal((first.status, again.status, again.headers["location"]), (202, 202, first.headers["location"]), "a file sent again under its key is the import that it was")
    ok(finished(web, keys, first.headers["location"])["state"] == "done", "which is applied once")
    answer = web.request("POST", orders, ndjson + ndjson, headers=once)
    equal((answer.status, answer.json()["code"]), (422, "RM101"), "another file under that key is refused")
    equal(web.request("POST", orders, ndjson, headers={**once, "Idempotency-Key": "naked"}).status, 400, "a key without its quotes, too")
    equal(web.request("GET", "/api/v1/imports/1", key=keys["clerk"]).status, 403, "imports are not a clerk's")
    equal(web.request("GET", "/api/v1/imports/1", key=keys["steward"]).status, 404, "an unknown import")
    answer = web.request("POST", "/api/v1/imports?source=none&entity=member", good, headers={"Content-Type": "text/csv", "X-Api-Key": keys["steward"]})
    ok(400 <= answer.status < 500, "an unknown source", answer)
    answer = web.request("POST", "/api/v1/imports?source=pos&entity=planet", good, headers={"Content-Type": "text/csv", "X-Api-Key": keys["steward"]})
    ok(400 <= answer.status < 500, "an unknown entity", answer)


def test_erase(web, keys, person):
    answer = web.request("POST", f"/api/v1/persons/{person}/export", key=keys["steward"])
    ok(answer.status in (200, 403), "the export of a person", answer)
    answer = web.request("POST", f"/api/v1/persons/{person}/erase", json.dumps({"reason": "asked for"}), headers={"X-Api-Key": keys["steward"], "Idempotency-Key": '"erase-1"'})
    ok(answer.status == 200, "a person is erased", answer)
    again = web.request("POST", f"/api/v1/persons/{person}/erase", json.dumps({"reason": "asked for"}), headers={"X-Api-Key": keys["steward"], "Idempotency-Key": '"erase-1"'})
    equal((again.status, again.body), (200, answer.body), "the replay gets the first answer")


def test_quoted(web, keys, person):
    """Prices to propose, where somebody was, what came of a call."""
    answer = web.request("GET", f"/api/v1/persons/{person}/price-products", key=keys["headquarters"])
    ok(answer.status == 200 and [row["product"] for row in answer.json()["items"]] == ["P1"], "products that prices can be proposed for", answer)
    answer = web.request("GET", f"/api/v1/persons/{person}/price-steps?product=P1", key=keys["headquarters"])
    ok(answer.status == 200 and answer.json()["history"]["purchases"] > 0 and answer.json()["steps"][0]["from_quantity"] == 1, "and the prices", answer)
    equal(web.request("GET", f"/api/v1/persons/{person}/price-steps?product=none", key=keys["headquarters"]).status, 422, "of no product")
    answer = web.request("POST", f"/api/v1/persons/{person}/track", json.dumps({"from": "2026-01-01"}), key=keys["headquarters"])
    equal((answer.status, answer.json()), (200, {"items": []}), "nobody's positions are kept as it comes")
    equal([web.request("POST", f"/api/v1/persons/{person}/track", "{}", key=keys["clerk"]).status, web.request("GET", f"/api/v1/persons/{person}/price-products", key=keys["clerk"]).status], [403, 403], "neither is a clerk's")
    result = {"message_id": "1-none", "outcome": "reached"}
    equal(web.request("POST", "/api/v1/call-results", json.dumps(result), headers={"X-Api-Key": keys["till"]}).status, 404, "a call that was not made")
    equal(web.request("POST", "/api/v1/call-results", json.dumps(result), headers={"X-Api-Key": keys["clerk"]}).status, 403, "vendors tell of calls")


def test_costs(web, keys):
    """What a record costs rule by rule; a rule put off, refused by whom it is not meant for."""
    def post(path, body, key="admin"):
        return web.request("POST", path, json.dumps(body), headers={"X-Api-Key": keys[key]})
    answer = web.request("GET", "/api/v1/costs", key=keys["admin"])
    rules = {row["rule"] for row in answer.json()["items"]}
    ok(answer.status == 200 and {"record", "value", "loyalty", "campaign", "report"} <= rules, "rules that hear of records", answer)
    ok(any(row["rule"] == "value" and row["kind"] == "order" and row["calls"] > 0 for row in answer.json()["items"]), "orders that came were counted", answer)
    answer = post("/api/v1/costs", {"rule": "loyalty", "is_put_off": True})
    equal((answer.status, answer.json()["is_put_off"]), (200, True), "a rule is put off")
    answer = post("/api/v1/costs", {"rule": "loyalty", "is_put_off": False})
    equal((answer.status, answer.json()["is_put_off"]), (200, False), "and no more")
    equal(post("/api/v1/costs", {"rule": "nothing", "is_put_off": True}).status, 404, "one that is not there")
    equal(post("/api/v1/costs", {"rule": "value"}).status, 422, "not said which way")
    answer = post("/api/v1/costs", {"rule": "value", "is_put_off": "perhaps"})
    equal((answer.status, answer.json()["errors"][0]["pointer"]), (422, "/is_put_off"), "neither yes nor no")
    equal([post("/api/v1/costs", {"rule": "value", "is_put_off": True}, key).status for key in ("till", "headquarters", "steward")], [403, 403, 403], "others may not")
    equal(post("/api/v1/costs/anew", {}).status, 200, "counted anew")


def test_usage():
    """What was called is told when the gateway stops at the latest; what nobody called is known by name."""
    equal(sql("SELECT calls > 0 AND roles ? 'headquarters' AND NOT is_unused FROM crm.report_functions() WHERE operation = 'health_board'", DB), "t", "calls are counted by role")
    equal(sql("SELECT count(*) FROM crm.report_functions() WHERE is_unused AND tag <> ''", DB) != "0", True, "functions that nobody called are named")
    equal(sql("SELECT count(*) FROM crm.operation_day WHERE operation IN ('metrics', 'ready', 'live')", DB), "0", "probes are nobody's function")


def test_usage_told(keys):
    """A gateway that is killed loses some seconds of what it counted, no more."""
    count = "SELECT coalesce(sum(calls), 0) FROM crm.operation_day WHERE operation = 'me' AND role = 'till'"
    before = int(sql(count, DB))
    gateway = Gateway(PRODUCT, DB).start()
    web = Nginx(gateway).start()
    for _ in range(3):
        equal(web.request("GET", "/api/v1/me", key=keys["till"]).status, 200, "a call that is counted")
    patience = time.monotonic() + 120
    while int(sql(count, DB)) < before + 3 and time.monotonic() < patience:
        time.sleep(0.5)
    equal(int(sql(count, DB)), before + 3, "is told while the gateway runs")
    web.stop()
    gateway.stop()
    gateway.remove()


def test_reviews(web, keys):
    """A pair that a guard kept apart: shown, explained, rejected, taken back, accepted; the merge shown, undone and undone with many."""
    person = {}
    for member_number, name in (("V1", "周建国"), ("V2", "吴秀英")):
        member = {"external_id": member_number, "name": name, "phone": "13867250201", "store_code": "S01", "registered_at": "2026-01-05T10:00:00+08:00"}
        person[member_number] = web.request("POST", "/api/v1/members", json.dumps(member), key=keys["till"]).json()["customer_id"]
    one, other = person.values()

    def post(path, **body):
        return web.request("POST", f"/api/v1/{path}", json.dumps({"reason": "asked at the counter", **body}), key=keys["steward"])

    def listed(state):
        return web.request("GET", f"/api/v1/reviews?state={state}", key=keys["steward"]).json()["items"]

    def changes(kind):
        found = web.request("GET", "/api/v1/person-changes?limit=200", key=keys["steward"]).json()["items"]
        return [c["journal_id"] for c in found if c["kind"] == kind and {c["survivor"], c["other"]} == {one, other}]

    [review] = [r for r in listed("open") if {r["a"]["customer_id"], r["b"]["customer_id"]} == {one, other}]
    number = review["review_id"]
    ok(review["reason"] == "contradiction" and one != other, "two names on one phone wait for a decision", review)
    why = web.request("GET", f"/api/v1/persons/{one}/explain/{other}", key=keys["steward"])
    ok(why.json()["guards"][0]["guard"] == "contradiction" and why.json()["text"], "which is explained, line by line", why)
    equal(web.request("POST", f"/api/v1/reviews/{number}/decide", json.dumps({"decision": "accept", "reason": "x"}), key=keys["clerk"]).status, 403, "and no clerk's")
    for decision, state in (("reject", "rejected"), ("accept", "accepted")):
        answer = post(f"reviews/{number}/decide", decision=decision)
        ok(answer.status == 200 and any(r["review_id"] == number for r in listed(state)), f"it is {state}", answer)
        equal(len(changes("merge")), decision == "accept", "the feed holds the merge, if it is one")
        answer = post(f"reviews/{number}/reopen")
        ok(answer.status == 200 and any(r["review_id"] == number for r in listed("open")), "and open again", answer)
    equal(len(changes("unmerge")), 1, "two persons again, says the feed")
    equal(post(f"persons/{one}/merge", other=other).status, 200, "merged by hand")
    merge = str(changes("merge")[-1])
    parts = web.request("GET", f"/api/v1/merges/{merge}", key=keys["steward"]).json()["parts"]
    equal([len(part["records"]) for part in parts], [1, 1], "what undoing it would leave is shown first")
    many = post("merges-undo-preview", journal_ids=[merge])
    ok(many.status == 200 and len(many.json()["merges"]) == 1 and len(changes("unmerge")) == 1, "as of many at once", many)
    answer = post("merges-undo", journal_ids=[merge])
    ok(answer.status == 200 and len(answer.json()["undone"]) == 1 and len(changes("unmerge")) == 2, "which are undone", answer)
    equal(post(f"merges/{merge}/undo").status // 100, 4, "no merge twice")


def main():
    document = json.loads(subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout)
    test_statements(document)
    keys = set_up()
    gateway = Gateway(PRODUCT, DB).start()
    web = Nginx(gateway).start()
    answer = web.request("GET", "/ready", key=None)
    ok(answer.status == 200 and answer.json()["ready"] is True, "/ready knows the extension", answer)
    equal(web.request("GET", "/api/v1/me", key=keys["till"]).status, 200, "a key says who it is")
    person = test_intake(web, keys)
    test_signed(web)
    test_reading(web, keys, person)
    test_flows(web, keys)
    test_words(web, keys, person)
    test_points(web, keys, person)
    test_site(web, keys, person)
    test_tickets(web, keys, person)
    test_deals(web, keys, person)
    test_rules(web, keys, person)
    test_sign_in(web)
    test_imports(web, keys)
    test_costs(web, keys)
    test_quoted(web, keys, person)
    test_reviews(web, keys)
    test_erase(web, keys, person)
    faults = [line for line in gateway.log_lines() if line.get("status") == 500]
    ok(not faults, "nothing was a fault of ours", faults)
    web.stop()
    equal(gateway.stop(), 0, "and the gateway stops in order")
    test_usage()
    gateway.remove()
    test_usage_told(keys)
    done()


main()
