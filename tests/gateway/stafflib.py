"""A chain of two stores with a member of staff in each role, and what doc/rights.md allows each of them: for the tests that ask every route."""
from gatelib import *

ROLES = ["clerk", "store_manager", "manager", "service", "steward", "marketer", "analyst", "headquarters", "admin", "reader", "till"]
SCOPED = {"clerk", "store_manager", "manager", "service"}


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
    """What the matrix does not know of a statement's functions and relations, and the roles that may use all of them."""
    used = [("function", name) for name in re.findall(r"\bcrm\.(\w+)\s*\(", statement)]
    used += [("rows", f"crm.{name}") for name in re.findall(r"FROM crm\.(\w+)\b(?!\s*\()", statement)]
    missing = [entry for entry in used if entry not in matrix]
    return missing, [role for role in ROLES if all(entry in matrix and matrix[entry][role] != "-" for entry in used)]


def make_chain(database):
    """Two stores of two regions, a person in each, a member of staff of the first store in each role; their keys and sign-in links."""
    sql("""SELECT crm.access_define_region('H-E', 'east'), crm.access_define_region('H-W', 'west');
        SELECT crm.access_define_store('H1', 'first', 'H-E'), crm.access_define_store('H2', 'second', 'H-W');
        SELECT crm.ingest_define_source('h_till', 'till', 'pos', '{}')""", database)
    persons = [sql(f"""SELECT (crm.ingest_member('h_till', convert_to('{{"external_id": "H{n}", "name": "李雷", "phone": "{phone}",
        "store_code": "H{n}", "registered_at": "2026-01-01T10:00:00+08:00"}}', 'UTF8'))).customer_id""", database)
               for n, phone in ((1, "13917683502"), (2, "13917683503"))]
    keys = {}
    for role in ROLES:
        if role == "till":
            keys[role] = {"X-Api-Key": sql("SELECT crm.access_create_key('till', 'crm_till', 'h_till', 'H1')", database)}
            continue
        scopes = "{store:H1}" if role in SCOPED else "{all}"
        sql(f"SELECT crm.access_define_staff('H-{role}', '{role}', 'crm_{role}', '{scopes}')", database)
        keys[role] = sql(f"SELECT crm.access_issue_link('H-{role}')", database)
    return persons, keys


def sign_in(web, token):
    answer = web.request("POST", "/api/v1/sign-in/link", json.dumps({"token": token}), key=None)
    cookie = answer.headers.get("set-cookie", "").split(";")[0]
    return {"Cookie": cookie, "Origin": f"http://127.0.0.1:{web.port}", "Sec-Fetch-Site": "same-origin"}


def sign_in_all(web, keys):
    return {role: value if role == "till" else sign_in(web, value) for role, value in keys.items()}


def api_routes():
    """(method, path, operation of the description, statement) of every route under /api/ that a signed-in person asks."""
    document = json.loads(subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout)
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            statement = subprocess.run([PRODUCT, "--statement", method.upper(), path], capture_output=True, text=True)
            if statement.returncode == 0 and path.startswith("/api/") and "sign-in" not in path:
                yield method.upper(), path, operation, statement.stdout


def example_of(operation):
    """The body that the description shows: it must be one that works."""
    return next(iter(operation.get("requestBody", {}).get("content", {}).values()), {}).get("example")
