#!/usr/bin/env python3
"""The matrix of doc/rights.md over HTTP: every role asks every route as a signed-in person (a till by its key), and is
let in where the matrix says so, turned away with 403 where it does not; and of two persons sees the one in its stores."""
from gatelib import *

DB = "product"
ROLES = ["clerk", "store_manager", "manager", "service", "steward", "marketer", "analyst", "headquarters", "admin", "reader", "till"]
SCOPED = {"clerk", "store_manager", "manager", "service"}
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


def read_matrix():
    """{(kind, object): {role: cell}}"""
    rows, heads = {}, None
    for line in open(f"{TOP}/doc/rights.md", encoding="utf-8"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "kind":
            heads = cells[2:]
        elif heads and cells[0] in ("rows", "function"):
            rows[cells[0], cells[1]] = dict(zip(heads, cells[2:]))
    return rows


def who_may(matrix, statement):
    """Roles that may execute every function of a statement and read every relation of it."""
    used = [("function", name) for name in re.findall(r"\bcrm\.(\w+)\s*\(", statement)]
    used += [("rows", f"crm.{name}") for name in re.findall(r"FROM crm\.(\w+)\b(?!\s*\()", statement)]
    missing = [entry for entry in used if entry not in matrix]
    return missing, [role for role in ROLES if all(entry in matrix and matrix[entry][role] != "-" for entry in used)]


def make_chain():
    """Two stores of two regions, a person in each, a member of staff of the first store in each role; their cookies."""
    sql("""SELECT crm.access_define_region('H-E', 'east'), crm.access_define_region('H-W', 'west');
        SELECT crm.access_define_store('H1', 'first', 'H-E'), crm.access_define_store('H2', 'second', 'H-W');
        SELECT crm.ingest_define_source('h_till', 'till', 'pos', '{}')""", DB)
    persons = [sql(f"""SELECT (crm.ingest_member('h_till', convert_to('{{"external_id": "H{n}", "name": "李雷", "phone": "{phone}",
        "store_code": "H{n}", "registered_at": "2026-01-01T10:00:00+08:00"}}', 'UTF8'))).customer_id""", DB)
               for n, phone in ((1, "13917683502"), (2, "13917683503"))]
    keys = {}
    for role in ROLES:
        if role == "till":
            keys[role] = {"X-Api-Key": sql("SELECT crm.access_create_key('till', 'crm_till', 'h_till', 'H1')", DB)}
            continue
        scopes = "{store:H1}" if role in SCOPED else "{all}"
        sql(f"SELECT crm.access_define_staff('H-{role}', '{role}', 'crm_{role}', '{scopes}')", DB)
        keys[role] = sql(f"SELECT crm.access_issue_link('H-{role}')", DB)
    return persons, keys


def sign_in(web, token):
    answer = web.request("POST", "/api/v1/sign-in/link", json.dumps({"token": token}), key=None)
    cookie = answer.headers.get("set-cookie", "").split(";")[0]
    return {"Cookie": cookie, "Origin": f"http://127.0.0.1:{web.port}", "Sec-Fetch-Site": "same-origin"}


def example_of(route):
    """The body that the description shows: it must be one that works."""
    return next(iter(route.get("requestBody", {}).get("content", {}).values()), {}).get("example")


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
    document = json.loads(subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout)
    persons, keys = make_chain()
    gateway = Gateway(PRODUCT, DB).start()
    web = Nginx(gateway).start()
    sessions = {role: value if role == "till" else sign_in(web, value) for role, value in keys.items()}
    for role in ROLES:
        answer = web.request("GET", "/api/v1/me", None, sessions[role], key=None)
        ok(answer.status == 200 and answer.json().get("role") == f"crm_{role}", f"{role} is signed in", f"{answer.status} {answer.body[:300]!r}")
    for path, methods in sorted(document["paths"].items()):
        for method, route in methods.items():
            statement = subprocess.run([PRODUCT, "--statement", method.upper(), path], capture_output=True, text=True)
            if statement.returncode != 0 or not path.startswith("/api/") or "sign-in" in path:
                continue
            operation = route["operationId"]
            missing, allowed = who_may(matrix, statement.stdout)
            ok(not missing, f"{operation}: what it calls is in the matrix", missing)
            named = re.split(r",\s*", route.get("x-roles", "").replace("store manager", "store_manager"))
            if route.get("x-roles"):
                equal(sorted(named), sorted(allowed), f"{operation}: the roles its description names are the matrix's")
            if operation in UNASKED:
                continue
            for role in ROLES:
                answer = ask(web, method.upper(), path, route, role, sessions[role], persons[0])
                fits = answer.status not in (401, 403, 500) if role in allowed else answer.status == 403
                ok(fits, f"{role} asks {operation}: {'let in' if role in allowed else 'turned away'}", f"{answer.status} {answer.body[:300]!r}")
            if "{person_id}" in path:
                for role in SCOPED & set(allowed):
                    answer = ask(web, method.upper(), path, route, role, sessions[role], persons[1])
                    equal(answer.status, 404, f"{role} asks {operation} of another store's person")
    web.stop()
    gateway.remove()
    done()


main()
