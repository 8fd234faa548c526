#!/usr/bin/env python3
"""The matrix of doc/rights.md over HTTP: every role asks every route as a signed-in person (a till by its key), and is
let in where the matrix says so, turned away with 403 where it does not; and of two persons sees the one in its stores."""
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
    web.stop()
    gateway.remove()
    done()


main()
