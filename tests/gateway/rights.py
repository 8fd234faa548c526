#!/usr/bin/env python3
"""The matrix of doc/rights.md over HTTP: every role asks every route as a signed-in person (a till by its key), and is
let in where the matrix says so, turned away with 403 where it does not; and of two persons sees the one in its stores."""
import urllib.parse

from stafflib import *

DB = "product"
# where the description's own example would not do
BODIES = {
    "ingest_member": {"external_id": "M-{role}", "name": "李雷", "store_code": "H1"},
    "ingest_order": {"external_id": "O-{role}", "ordered_at": "2026-03-31T10:00:00+08:00", "store_code": "H1", "amount": "1.00",
                     "items": [{"product_code": "P1", "quantity": 1, "unit_price": "1.00"}]},
    "lookup": {"kind": "phone", "value": "13917683502"},
    "search": {"text": "李"},
    "person_unmask": {"fields": ["name"], "reason": "asked at the counter"},
    "person_erase": {"reason": "request 9"},
    "coupon_redeem": {"code": "NONE", "order_external_id": "O1", "amount": 10, "source": "h_till"},
    "coupon_reserve": {"code": "NONE", "order_external_id": "O1", "source": "h_till"},
    "coupon_release": {"code": "NONE", "order_external_id": "O1", "source": "h_till"},
    "coupon_cancel": {"code": "NONE", "order_external_id": "O1", "reason": "returned"},
    "receipt": {"message_id": "1-AAAA", "kind": "receipt"},
    "opt_out": {"channel": "sms", "address": "13917683999"},
    "flow_edit": {},
}
# not asked with a call: needs a stream, asks for nobody (a store's code does), ends the session that asks, or forgets the person the others ask for
UNASKED = {"import", "sign_out", "join", "join_store", "join_check", "follow", "person_erase", "campaign_start", "campaign_stop", "campaign_pause"}


def ask(web, method, path, route, role, headers, person):
    operation = route["operationId"]
    captures = {"person_id": person, "flow": "welcome", "message_id": f"{person}-AAAAAAAA", "key": "none"}
    url = re.sub(r"{(\w+)}", lambda name: str(captures.get(name[1], 1)), path)
    needed = [parameter for parameter in route.get("parameters", []) if parameter.get("in") == "query" and parameter.get("required")]
    if needed and method == "GET":
        url += "?" + "&".join(f"{p['name']}={'2026-01-01' if p['schema'].get('format') == 'date' else 'x'}" for p in needed)
    if operation.startswith("ingest_") and role != "till" and method == "POST":
        url += "?source=h_till"
    body = BODIES.get(operation, example_of(route))
    if body is not None or method in ("POST", "PATCH", "PUT"):
        body = json.dumps(body or {}).replace("{role}", role)
    return web.request(method, url, body, headers, key=None)


def outside(web, sessions, persons):
    """What a clerk tries besides: things of another store's person under one's own, headquarters' cursors and keys, headers and paths that pretend."""
    mine, theirs = persons
    clerk, chief = sessions["clerk"], sessions["headquarters"]

    def send(who, method, path, body=None, **headers):
        return web.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), {**who, **{name.replace("_", "-"): value for name, value in headers.items()}}, key=None)
    secret = "nothing for others"
    made = [send(chief, "POST", f"persons/{theirs}/{what}", body) for what, body in (
        ("tasks", {"title": secret, "due_on": "2030-01-02"}), ("tickets", {"topic": "quality", "title": secret, "body": secret}), ("notes", {"channel": "phone", "body": secret}), ("notes", {"channel": "phone", "body": f"{secret} too"}))]
    ok(all(answer.status == 201 for answer in made), "another store's person has a task, a ticket and notes", made)
    task, ticket = made[0].json()["task_id"], made[1].json()["ticket_id"]
    for method, path, body in (("POST", f"tasks/{task}/finish", {"outcome": "reached"}), ("POST", f"tasks/{task}/reopen", {}), ("PATCH", f"tasks/{task}", {"due_on": "2030-01-03"}), ("GET", f"tickets/{ticket}", None),
                               ("POST", f"tickets/{ticket}/answer", {"body": "x"}), ("POST", f"tickets/{ticket}/resolve", {"resolution": "x"}), ("PUT", f"tickets/{ticket}/stars", {"stars": 1}), ("GET", f"tickets/{ticket}/suggestions", None)):
        answer = send(clerk, method, f"persons/{mine}/{path}", body)
        ok(answer.status in (403, 404) and secret not in answer.body.decode(), f"{method} {path.split('/')[0]} of another under one's own: not there", f"{answer.status} {answer.body[:200]!r}")
    cursor = send(chief, "GET", f"persons/{theirs}/timeline?limit=1").json()["next"]
    for path in (f"persons/{mine}/timeline?limit=50&cursor=", "tasks?list=store&limit=50&cursor=", "tickets?list=open&limit=50&cursor="):
        answers = [send(clerk, "GET", path + urllib.parse.quote(str(one))) for one in (cursor, "eyJpZCI6IDB9", "WzAsMF0", "9" * 40, "-1")]
        ok(all(answer.status < 500 and secret not in answer.body.decode() for answer in answers), f"{path.split('?')[0]}: a cursor of headquarters or of nobody shows nothing of others", [answer.body[:120] for answer in answers])
    body, key = {"channel": "phone", "body": f"{secret} at all"}, '"a key of headquarters"'
    first = send(chief, "POST", f"persons/{theirs}/notes", body, Idempotency_Key=key)
    again, own = (send(clerk, "POST", f"persons/{person}/notes", body, Idempotency_Key=key) for person in persons[::-1])
    ok(first.status == 201 and again.status == 404 and (own.status != 201 or own.json()["fact_id"] != first.json()["fact_id"]), "a key of headquarters brings its answer to nobody else", [first.body, again.body, own.body])
    me = send(clerk, "GET", "me").body
    for name, value in (("X-Crm-Role", "crm_headquarters"), ("X-Original-URL", "/api/v1/settings"), ("X-HTTP-Method-Override", "DELETE"), ("Remote-User", "H-headquarters"), ("Crm-Access-Claims", '{"all": true}'), ("Traceparent", "00-x'; RESET ROLE; --")):
        answer = send(clerk, "GET", "me", **{name: value})
        equal((answer.status, answer.body), (200, me), f"{name} makes nobody else of a clerk")
    for path in (f"persons/{mine}/../{theirs}/overview", f"persons/{mine}%2f..%2f{theirs}/overview", f"persons/+{theirs}/overview", f"persons/{theirs}.0/overview", f"persons/{mine};{theirs}/overview", f"persons/0x{int(theirs):x}/overview", f"persons/%20{theirs}/overview",
                 f"persons/{mine}/overview?person_id={theirs}", "tasks?list=store&store=H2", "reports/persons?what=active&store=H2", "reports/persons/count?what=active&store=H2", "segments/x/members", "exports"):
        answer = send(clerk, "GET", path)
        ok(400 <= answer.status < 500, f"GET {re.sub(r'[0-9]+', 'N', path)} leads nowhere", f"{answer.status} {answer.body[:200]!r}")
    for path, body in ((f"persons/{mine}/notes", {"channel": "phone", "body": "own", "person_id": theirs, "customer_id": theirs, "store_code": "H2"}), ("search", {"text": "%"}), ("search", {"text": "李雷", "store": "H2"}), ("lookup", {"kind": "customer_id", "value": str(theirs)})):
        answer = send(clerk, "POST", path, body)
        ok(answer.status < 500 and not re.search(rf'"customer_id":\s*"?{theirs}\b', answer.body.decode()), f"POST {path.split('/')[-1]} whose body names another: nothing of them", f"{answer.status} {answer.body[:200]!r}")


def main():
    matrix = read_matrix()
    persons, keys = make_chain(DB)
    gateway = Gateway(PRODUCT, DB).start()
    web = Nginx(gateway).start()
    sessions = sign_in_all(web, keys)
    for role in ROLES:
        answer = web.request("GET", "/api/v1/me", None, sessions[role], key=None)
        ok(answer.status == 200 and answer.json().get("role") == f"crm_{role}", f"{role} is signed in", f"{answer.status} {answer.body[:300]!r}")
    for method, path, route, statement in api_routes():
        operation = route["operationId"]
        missing, allowed = who_may(matrix, statement)
        ok(not missing, f"{operation}: what it calls is in the matrix", missing)
        named = re.split(r",\s*", route.get("x-roles", "").replace("store manager", "store_manager"))
        if route.get("x-roles"):
            equal(sorted(named), sorted(allowed), f"{operation}: the roles its description names are the matrix's")
        if operation in UNASKED:
            continue
        for role in ROLES:
            answer = ask(web, method, path, route, role, sessions[role], persons[0])
            fits = answer.status not in (401, 403, 500) if role in allowed else answer.status == 403
            ok(fits, f"{role} asks {operation}: {'let in' if role in allowed else 'turned away'}", f"{answer.status} {answer.body[:300]!r}")
        if "{person_id}" in path:
            for role in SCOPED & set(allowed):
                answer = ask(web, method, path, route, role, sessions[role], persons[1])
                equal(answer.status, 404, f"{role} asks {operation} of another store's person")
    outside(web, sessions, persons)
    web.stop()
    gateway.remove()
    done()


main()
