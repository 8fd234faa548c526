#!/usr/bin/env python3
"""The traps of FastCGI, one by one, against the gateway's socket: what a web server, a client that goes away
or a machine short of descriptors can do to it."""
import os
import signal
import stat
import subprocess
import threading
import time

from gatelib import *


def get(path, **options):
    """One request on its own connection."""
    client = FastCgi(path)
    client.send(head(**options) + record(STDIN))
    answer = client.answer()
    client.close()
    return answer


def is_served(path):
    try:
        answer = get(path)
    except OSError:
        return False
    return answer is not None and answer.status == 200


def test_socket(gateway):
    mode = os.stat(gateway.socket).st_mode
    ok(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, "the socket is a Unix socket of mode 0660", oct(mode))


def test_keep_alive(gateway):
    client = FastCgi(gateway.socket)
    for _ in range(3):
        client.send(head(keep=True) + record(STDIN))
        answer = client.answer()
    ok(answer is not None and answer.status == 200, "a kept connection serves one request after the other", answer)
    client.send(head(keep=False) + record(STDIN))
    answer = client.answer()
    ok(answer is not None and client.is_closed(30), "without keep-alive it is closed behind the answer")


def test_idle_connections_pin_no_thread(gateway):
    idle = []
    for _ in range(40):
        client = FastCgi(gateway.socket)
        client.send(head(keep=True) + record(STDIN))
        client.answer()
        idle.append(client)
    started = time.time()
    answer = get(gateway.socket)
    ok(answer is not None and answer.status == 200 and time.time() - started < 5,
       "40 idle kept connections leave 8 threads free", answer)
    for client in idle:
        client.send(head(keep=True) + record(STDIN))
    ok(all(client.answer().status == 200 for client in idle), "and all of them can be used at once")
    for client in idle:
        client.close()


def test_undrained_body(gateway):
    """An answer before the body was read: what follows must never be taken for a request."""
    forged = head("POST", "/api/v1/raise/P0001", 0, keep=True) + record(STDIN)
    for status, method, uri, extra in ((401, "POST", "/api/v1/echo", [("HTTP_X_API_KEY", ""), ("CONTENT_TYPE", "application/json")]),
                                       (404, "POST", "/nowhere", []), (405, "PUT", "/api/v1/who", []),
                                       (415, "POST", "/api/v1/echo", [("CONTENT_TYPE", "text/plain")])):
        client = FastCgi(gateway.socket)
        body = b"x" * 3000 + forged
        try:
            client.send(head(method, uri, len(body), extra, keep=True) + record(STDIN, body) + record(STDIN))
        except ConnectionError:
            pass
        answer = client.answer()
        good = answer is not None and answer.status == status
        # the body was drained: the connection goes on with the next request, not with the forged one
        try:
            client.send(head(keep=True) + record(STDIN))
            second = client.answer()
        except ConnectionError:
            second = None
        ok(good and (second is None or second.status == 200), f"{status} before the body was read leaves the connection clean", (answer, second))
        client.close()


def test_large_undrained_body(gateway):
    """What nginx lets into a kept location is read to its end: else nginx would send the next request into a closing connection."""
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/nowhere", 2 * 1024 * 1024, [], keep=True))
    for _ in range(64):
        client.send(record(STDIN, b"x" * 32768))
    client.send(record(STDIN))
    first = client.answer()
    client.send(head(keep=True) + record(STDIN))
    second = client.answer()
    ok(first and first.status == 404 and second and second.status == 200, "two megabytes that nobody asked for, and the connection goes on", (first, second))
    client.close()


def test_smuggling(gateway):
    """The known attack: a body made of FastCGI records at every alignment of the library's buffer."""
    before = int(sql("SELECT last_value FROM probe.tries"))
    forged = (head("POST", "/api/v1/conflict/0", 0, [("HTTP_X_API_KEY", "crm_test_1_till")], keep=True) + record(STDIN))
    for offset in range(0, 8192, 61):
        client = FastCgi(gateway.socket, 5)
        body = b"\0" * offset + forged * 400
        try:
            client.send(head("POST", "/api/v1/echo", 10 ** 8, keep=True))
            client.send(record(STDIN, body[:65000]))
        except ConnectionError:
            pass
        client.answer()
        client.close()
    ok(int(sql("SELECT last_value FROM probe.tries")) == before, "no record inside a refused body is ever executed (135 alignments)")


def test_large_refused_body(gateway):
    client = FastCgi(gateway.socket)
    body = b"x" * 60000
    try:
        client.send(head("POST", "/api/v1/echo", 20 * 1024 * 1024, [("CONTENT_TYPE", "application/json")], keep=True))
        for _ in range(20):
            client.send(record(STDIN, body))
    except ConnectionError:
        pass
    answer = client.answer()
    ok(answer is not None and answer.status == 413 and client.is_closed(30),
       "a body of 20 MB gets its 413 without being read, and the connection ends", answer)


def chunk_state():
    return sql("SELECT string_agg(state, ',' ORDER BY batch_id) FROM probe.batch")


def test_truncated(gateway):
    length = int(sql("SELECT count(*) FROM probe.notes"))
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/intake", 100000, [("CONTENT_TYPE", "application/json")]) + record(STDIN, b"{" + b"x" * 8000))
    client.close()
    time.sleep(0.3)
    equal(int(sql("SELECT count(*) FROM probe.notes")), length, "a single call whose client went away is not executed")

    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/intake", 100000, [("CONTENT_TYPE", "application/json")]) +
                record(STDIN, b'{"a":1}') + record(STDIN))
    answer = client.answer()
    ok(answer is not None and answer.status == 400 and answer.code() == "body_truncated",
       "a body shorter than its length is refused, though it is valid JSON", answer)

    sql("TRUNCATE probe.batch, probe.chunk")
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/imports?entity=order", None, [("CONTENT_TYPE", "text/csv")]) +
                record(STDIN, b"a,b\n" * 10000) + record(STDIN, b"a,b\n" * 10000))
    client.close()
    wait_for(lambda: chunk_state() == "aborted")
    equal(chunk_state(), "aborted", "an import without a length whose client went away is aborted")

    sql("TRUNCATE probe.batch, probe.chunk")
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/imports?entity=order", 1000000, [("CONTENT_TYPE", "text/csv")]) +
                record(STDIN, b"a,b\n" * 10000) + record(ABORT))
    wait_for(lambda: chunk_state() == "aborted")
    equal(chunk_state(), "aborted", "FCGI_ABORT_REQUEST aborts an import")
    client.close()


def test_duplicates(gateway):
    for name in ("HTTP_X_API_KEY", "HTTP_AUTHORIZATION", "HTTP_IDEMPOTENCY_KEY", "HTTP_COOKIE", "HTTP_CONTENT_TYPE",
                 "HTTP_IF_MATCH", "HTTP_HOST", "CONTENT_LENGTH", "REQUEST_URI"):
        listed = parameters() + [(name, "1"), (name, "2")]
        client = FastCgi(gateway.socket)
        client.send(begin() + record(PARAMS, pairs(listed)) + record(PARAMS) + record(STDIN))
        answer = client.answer()
        ok(answer is not None and answer.status == 400 and answer.code() == "request_malformed", f"{name} twice is refused", answer)
        client.close()
    answer = get(gateway.socket, extra=[("HTTP_AUTHORIZATION", "Bearer crm_test_1_till")])
    equal(answer.status, 400, "two kinds of credential at once are refused")


def test_parameters(gateway):
    answer = get(gateway.socket, extra=[(f"HTTP_X_{n}", "v" * 50) for n in range(5000)])
    ok(answer is not None and answer.status == 200, "5,000 headers are read over")
    answer = get(gateway.socket, extra=[("HTTP_X_API_KEY", b"crm_test_1_clerk\0junk")])
    ok(answer is not None and answer.status == 200, "what follows a NUL in a parameter is not seen")
    answer = get(gateway.socket, extra=[("HTTP_X_API_KEY", "crm_test_1_" + "k" * 20000)])
    equal(answer.status, 401, "a key of 20 kB is refused")
    for uri in ("", "who", "*", "http://x/api/v1/who", "//api/v1/who", "/api/v1/who\x01"):
        answer = get(gateway.socket, uri=uri)
        ok(answer is not None and answer.status in (400, 404), f"the path {uri!r} is refused", answer)
    for length in ("-1", "1e3", "9" * 30, "0x10", " 1"):
        answer = get(gateway.socket, extra=[("CONTENT_LENGTH", length)])
        ok(answer is not None and answer.status == 400, f"the length {length!r} is refused", answer)
    answer = get(gateway.socket, extra=[("REMOTE_ADDR", "10.0.0.1")], uri="/metrics")
    equal(answer.status, 404, "/metrics is not there for another machine")


def test_garbage(gateway):
    """Broken records may end their own connection, never another's; half a header pins no thread for ever."""
    broken = (b"\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, record(BEGIN, b"\0\x02\x01\0\0\0\0\0"),
              record(STDIN, b"x"), begin() + record(PARAMS, b"\x80"), begin() + record(PARAMS, b"\x05\x05abc"), b"")
    clients = []
    for data in broken * 2:
        client = FastCgi(gateway.socket)
        client.send(data)
        clients.append(client)
    client = FastCgi(gateway.socket, 20)
    client.send(head() + record(STDIN))
    answer = client.answer()
    ok(answer is not None and answer.status == 200, "16 connections with broken or half records do not stop 8 threads", answer)
    for client in clients:
        client.close()


def test_body_depth(gateway):
    for depth in (100, 50000):
        body = b"[" * depth + b"]" * depth
        client = FastCgi(gateway.socket)
        client.send(head("POST", "/api/v1/echo", len(body), [("CONTENT_TYPE", "application/json")]))
        for at in range(0, len(body), 60000):
            client.send(record(STDIN, body[at:at + 60000]))
        client.send(record(STDIN))
        answer = client.answer()
        ok(answer is not None and answer.status == (200 if depth == 100 else 400), f"JSON nested {depth} deep", answer)
        client.close()


def slow(gateway, seconds, answers):
    body = b'{"seconds": %.1f}' % seconds
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/slow", len(body), [("CONTENT_TYPE", "application/json")], keep=True) + record(STDIN, body) + record(STDIN))
    answers.append(client.answer())
    answers.append(client.is_closed())


def test_client_gone():
    gateway = Gateway(threads=4, connections=1).start()
    for _ in range(2):          # prepares the statement, then again for the role that is known by now
        slow(gateway, 0.01, [])
    def backends():
        return sql("SELECT pid FROM pg_stat_activity WHERE usename = 'crm_gateway' AND datname = 'probe'")

    wait_for(lambda: len(backends().split()) == 1)      # those of the gateway before end in their own time
    backend = backends()
    client = FastCgi(gateway.socket)
    body = b'{"seconds": 15}'
    client.send(head("POST", "/api/v1/slow", len(body), [("CONTENT_TYPE", "application/json")]) + record(STDIN, body) + record(STDIN))
    wait_for(lambda: sleeping() == 1)
    client.close()
    ok(wait_for(lambda: sleeping() == 0, 12), "the query of a client that went away is cancelled")
    wait_for(lambda: any(line.get("status") == 499 for line in gateway.log_lines()))
    ok(any(line.get("status") == 499 for line in gateway.log_lines()), "and logged as 499")
    answers = [get(gateway.socket) for _ in range(4)]
    ok(all(answer is not None and answer.status == 200 for answer in answers), "and the pool is whole", answers)
    equal(backends(), backend, "and the connection is the same")
    gateway.remove()
    gateway = Gateway(threads=4, connections=1).start()
    client = FastCgi(gateway.socket)
    client.send(head("POST", "/api/v1/slow", len(body), [("CONTENT_TYPE", "application/json")]) + record(STDIN, body) + record(STDIN))
    wait_for(lambda: sleeping() == 1)
    client.close()
    wait_for(lambda: any(line.get("status") == 499 for line in gateway.log_lines()))
    ok(get(gateway.socket).status == 200, "also when its statement was being prepared just then")
    gateway.remove()


def test_descriptors():
    gateway = Gateway(threads=6, connections=2, limit=24).start()
    clients = []
    for _ in range(60):
        try:
            clients.append(FastCgi(gateway.socket, 2))
        except OSError:
            break
    turned_away = wait_for(lambda: sum(client.is_closed(0.01) for client in clients) > 20)
    ok(turned_away, "without descriptors connections are turned away, not left hanging", sum(client.is_closed(0.01) for client in clients))
    for client in clients:
        client.close()
    ok(wait_for(lambda: all(is_served(gateway.socket) for _ in range(20))), "and all threads serve again afterwards")
    ok(any(line["event"] == "no_descriptor_left" for line in gateway.log_lines()), "and the log says why")
    equal(gateway.stop(), 0, "and it still stops in order")
    gateway.remove()


def test_stop():
    gateway = Gateway(stop_timeout_s=40).start()
    idle = FastCgi(gateway.socket)
    idle.send(head(keep=True) + record(STDIN))
    idle.answer()
    answers = []
    thread = threading.Thread(target=slow, args=(gateway, 6.0, answers))
    thread.start()
    wait_for(lambda: sleeping() == 1)
    started = time.time()
    gateway.process.send_signal(signal.SIGTERM)
    ok(idle.is_closed(5) and sleeping() == 1, "SIGTERM closes idle kept connections at once, while a request runs")
    status = gateway.process.wait(60)
    took = time.time() - started
    thread.join()
    ok(answers[0] is not None and answers[0].status == 200 and answers[1] is True,
       "SIGTERM lets the running request end, then closes its connection", answers)
    ok(status == 0 and 0.4 < took < 35, "and the process ends by itself with status 0", (status, took))
    ok(not os.path.exists(gateway.socket), "and takes its socket away")
    gateway.remove()

    gateway = Gateway(stop_timeout_s=1).start()
    answers = []
    thread = threading.Thread(target=slow, args=(gateway, 15, answers))
    thread.start()
    wait_for(lambda: sleeping() == 1)
    started = time.time()
    equal(gateway.stop(), 1, "a request that does not end in stop_timeout_s is given up, with status 1")
    ok(time.time() - started < 9, "in that time")
    thread.join()
    gateway.remove()
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")     # nobody waits for it
    wait_for(lambda: sleeping() == 0)


def serving_pid(gateway):
    children = subprocess.run(["pgrep", "-P", str(gateway.process.pid)], capture_output=True, text=True).stdout.split()
    return int(children[-1]) if children else 0


def test_supervisor():
    gateway = Gateway(supervise=True).start()
    first = wait_for(lambda: serving_pid(gateway))
    ok(get(gateway.socket).status == 200, "under its supervisor the gateway serves")
    os.kill(first, signal.SIGKILL)
    answer = get(gateway.socket)
    ok(answer is not None and answer.status == 200 and serving_pid(gateway) != first,
       "killed, it is started again, and a connection made meanwhile is served", answer)
    second, failures, stopping = serving_pid(gateway), [], False

    def load():
        while not stopping:
            answer = get(gateway.socket)
            if answer is None or answer.status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    gateway.process.send_signal(signal.SIGUSR2)
    replaced = wait_for(lambda: serving_pid(gateway) not in (0, second) and not os.path.exists(f"/proc/{second}"))
    time.sleep(0.3)
    stopping = True
    for thread in threads:
        thread.join()
    ok(replaced and not failures, "SIGUSR2 replaces the process under load without one failed request", failures[:3])
    equal(gateway.stop(), 0, "SIGTERM to the supervisor ends both")
    gateway.remove()


def test_reload():
    gateway = Gateway().start()
    os.rename(gateway.log, gateway.log + ".1")
    gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(gateway.log))
    get(gateway.socket)
    ok(wait_for(lambda: any(line["event"] == "request" for line in gateway.log_lines())), "SIGHUP opens a new log file")
    gateway.remove()


def test_start():
    """What must not start, and says why."""
    def refused(reason, name, **settings):
        gateway = Gateway(**settings)
        result = subprocess.run([gateway.binary, "-c", gateway.config], capture_output=True, text=True, timeout=10)
        ok(result.returncode == 1 and reason in result.stderr, name, result.stderr)
        gateway.remove()

    key_file = tempfile.NamedTemporaryFile("w", suffix=".json")
    weak = '{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"c2hvcnQ"}]}'
    for content, reason in (("", "empty"), (weak, "shorter than 32"), ('{"keys":[]}', "1 to")):
        open(key_file.name, "w").write(content)
        os.chmod(key_file.name, 0o600)
        refused(reason, f"a key file that is {reason}", key_file=key_file.name, issuer="i", audience="a")
    os.chmod(key_file.name, 0o644)
    refused("others may read", "a key file that others read", key_file=key_file.name, issuer="i", audience="a")
    refused("issuer", "keys without an issuer", key_file=key_file.name)
    refused("unknown key", "an unknown setting", tread="5")
    refused("from 2 to 512", "a number out of range", threads="9999")
    refused("longer than", "a socket path that is too long", socket="/tmp/" + "x" * 120)
    running = Gateway().start()
    refused("another gateway", "a second gateway on the same socket", socket=running.socket)
    equal(running.stop(signal.SIGKILL), -9, "a gateway that is killed")
    running.start()
    ok(get(running.socket).status == 200, "leaves a socket that the next one replaces")
    running.remove()


def main():
    gateway = Gateway().start()
    for test in (test_socket, test_keep_alive, test_idle_connections_pin_no_thread, test_undrained_body, test_large_undrained_body, test_smuggling,
                 test_large_refused_body, test_truncated, test_duplicates, test_parameters, test_body_depth, test_garbage):
        test(gateway)
    equal(gateway.stop(), 0, "after all that it stops in order")
    gateway.remove()
    for test in (test_client_gone, test_descriptors, test_stop, test_supervisor, test_reload, test_start):
        test()
    done()


main()
