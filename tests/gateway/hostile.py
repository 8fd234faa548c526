#!/usr/bin/env python3
"""Every route under hostile input: each member of its body, each parameter and each part of its path is in turn something
that does not belong there.  Whatever comes, the answer is a problem that names a code or a success, never an internal
error, never silence; what is refused of a body's member is refused by its name; and the server that answered the first request answers the last.  Each place gets seven of the
values in turn, so that all are asked of many; CRM_HOSTILE=all asks all of them everywhere (37,000 requests); CRM_HOSTILE_REPORT=file keeps
what was asked and answered, and how long it took."""
import collections
import http.client
import urllib.parse
import zlib

from stafflib import *

DB = "hostile"
WORDS = ["", " ", "x", "-1", "0", "99999999999999999999", "1e308", "NaN", "-infinity", "infinity", "2026-13-45", "0000-00-00", "294277-01-01",
         "'; DROP TABLE crm.customer; --", "%s%n%00", "{}", "[]", "\\", "\u202e\ud83d\ude00", "张" * 3000, "a\nb\tc", "../../etc/passwd", "null", "{,}", "$1"]
VALUES = [json.dumps(word) for word in WORDS] + [
    "null", "true", "0", "-0", "-1", "1.5", "1e400", "-1e-400", "9" * 400, "9223372036854775808", "[]", "{}", "[null]", "[[[[1]]]]", '{"a": {"b": null}}',
    '["a", 1, null, {}]', '["d"]', '{"a": 1, "a": 2}', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '{"": ""}', "[" * 60 + "]" * 60, "[" * 10000 + "]" * 10000,
    '"' + "x" * 1900000 + '"']
BODIES = ["", " ", "null", "[]", "{}", "1", '"x"', "{", '{"a":', "[{}]", '{"": null}', '{"a": 1, "a": 2}', "\x00", "\xff\xfe", '{"a": "\\u0000"}', "[" * 100000]
SESSION_ENDS = {"sign_out", "import"}   # ends what the others need; is a stream with tests of its own


REPORT = open(os.environ["CRM_HOSTILE_REPORT"], "w") if "CRM_HOSTILE_REPORT" in os.environ else None
HOLE = "hostile hole"
ALL = os.environ.get("CRM_HOSTILE") == "all"


def some_of(values, place):
    """Seven of the values, others for each place, the same in each run."""
    if ALL:
        return values
    start = zlib.crc32(place.encode()) % len(values)
    return [values[(start + step * 3) % len(values)] for step in range(7)]


def quoted(word):
    return urllib.parse.quote(word.encode("utf-8", "surrogatepass")[:3000], safe="")


def members_of(document, operation):
    media = next(iter(operation.get("requestBody", {}).get("content", {}).values()), {})
    schema = media.get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


def parameters_of(operation):
    return [parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("in") == "query"]


class Line:
    """A connection that is kept: thousands of requests follow each other."""

    def __init__(self, web):
        self.web, self.connection = web, None

    def ask(self, method, path, body, headers):
        for attempt in (1, 2):
            try:
                self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=60)
                self.connection.request(method, path, body, {**headers, "Content-Type": "application/json"})
                response = self.connection.getresponse()
                return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
            except (http.client.HTTPException, ConnectionError):
                self.connection = None
                if attempt == 2:
                    raise


def variants(document, method, path, operation, person):
    """(what is hostile, path, body) of one route."""
    captures = {"person_id": str(person), "flow": "welcome"}
    good_path = re.sub(r"{(\w+)}", lambda name: captures.get(name[1], "1"), path)
    example = example_of(operation)
    good = None if method == "GET" else json.dumps(example if example is not None else {}).encode()
    for name in re.findall(r"{(\w+)}", path):
        for word in some_of(WORDS, path + name):
            yield f"{name}={word[:20]!r}", re.sub(r"{(\w+)}", lambda n: quoted(word) if n[1] == name else captures.get(n[1], "1"), path), good
    for name in parameters_of(operation):
        for word in some_of(WORDS, path + name):
            yield f"?{name}={word[:20]!r}", f"{good_path}?{name}={quoted(word)}", good
    if method == "GET":
        return
    for body in some_of(BODIES, path):
        yield f"body {body[:20]!r}", good_path, body.encode("latin-1")
    if not isinstance(example, dict):
        return
    for place in places_of({**dict.fromkeys(members_of(document, operation)), **example}):
        name = "/" + "/".join(map(str, place))
        hole = json.dumps(with_hole(example, place))
        for value in some_of(VALUES, path + name):
            yield f"{name}: {value[:24]}", good_path, hole.replace(f'"{HOLE}"', value).encode("utf-8", "surrogatepass")


def places_of(value, at=()):
    """The places of a body, also those inside: of a list the first."""
    if at:
        yield at
    for step in sorted(value) if isinstance(value, dict) else [0] if isinstance(value, list) and value else []:
        yield from places_of(value[step], at + (step,))


def with_hole(value, place):
    if not place:
        return HOLE
    copy = value.copy()
    copy[place[0]] = with_hole(value[place[0]] if isinstance(value, list) else value.get(place[0]), place[1:])
    return copy


NAMELESS = {"22003", "22007", "22008", "22023", "22P02", "23502", "23514"}   # of a value that was sent: which?


def is_fit(answer, what):
    if answer.status >= 500 or answer.status < 200:
        return False
    if what.startswith("/") and answer.code() in NAMELESS and "errors" not in answer.json():
        return answer.json().get("hint", "").startswith("Send JSON")
    if answer.status < 400 or b"<html>" in answer.body:   # nginx itself refuses a path that is none
        return True
    return bool(answer.code())


def main():
    sql(f"DROP DATABASE IF EXISTS {DB}", "postgres")
    sql(f"CREATE DATABASE {DB}", "postgres")
    sql("CREATE EXTENSION crm; SELECT count(*) FROM crm.install()", DB)
    matrix = read_matrix()
    document = json.loads(subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout)
    persons, keys = make_chain(DB)
    gateway = Gateway(PRODUCT, DB).start()
    web = Nginx(gateway).start()
    sessions = sign_in_all(web, keys)
    began = sql("SELECT pg_postmaster_start_time()", DB)
    line, statuses, again = Line(web), collections.Counter(), collections.Counter()
    for method, path, operation, statement in api_routes():
        if operation["operationId"] in SESSION_ENDS:
            continue
        allowed = who_may(matrix, statement)[1] or ["headquarters"]
        role = next((wide for wide in ("headquarters", "admin", "marketer", "steward") if wide in allowed), allowed[0])
        unfit = []
        for what, url, body in variants(document, method, path, operation, persons[0]):
            asked = time.time()
            answer = line.ask(method, url, body, sessions[role])
            if answer.status in (503, 504):     # a machine that stood still is no answer; what is slow by itself is so again
                again[answer.status] += 1
                answer = line.ask(method, url, body, sessions[role])
            if REPORT:
                print(operation["operationId"], what, answer.status, round(time.time() - asked, 2), (body or b"")[:300], answer.body[:500], sep="\t", file=REPORT, flush=True)
            statuses[answer.status] += 1
            if answer.status == 401:
                sessions[role] = {"X-Api-Key": keys[role]["X-Api-Key"]} if role == "till" else sign_in(web, sql(f"SELECT crm.access_issue_link('H-{role}')", DB))
                unfit.append(f"{what}: signed out")
            elif not is_fit(answer, what):
                unfit.append(f"{what}: {answer.status} {answer.body[:200]!r}")
        ok(not unfit, f"{operation['operationId']} as {role}", "\n".join(unfit))
    equal(sql("SELECT pg_postmaster_start_time()", DB), began, f"{statuses.total()} requests, and no backend died of them")
    reached = statuses[200] + statuses[201] + statuses[404] + statuses[409] + statuses[422]
    ok(reached > statuses.total() / 2 and statuses[429] < statuses.total() / 20, "most of them came as far as the database", statuses)
    print("# " + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())), flush=True)
    if again:
        print("# asked again: " + ", ".join(f"{status}: {count}" for status, count in sorted(again.items())), flush=True)
    if statuses[503]:
        print("# " + open(f"{web.folder}/nginx-error.log").read()[-2000:].replace("\n", "\n# "), flush=True)
        print("# " + gateway.stderr()[-2000:].replace("\n", "\n# "), flush=True)
    web.stop()
    gateway.remove()
    done()


main()
