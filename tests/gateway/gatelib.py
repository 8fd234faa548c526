"""What the gateway's tests share: a private gateway and nginx, a raw FastCGI client, TAP."""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SHARED = os.environ.get("CRM_SHARED", os.path.join(TOP, "..", "shared"))
VECTORS = os.path.join(SHARED, "data", "gateway")
PROBE = os.environ.get("CRM_GATEWAY_PROBE", f"{TOP}/build/gateway-tests/crm_gateway_probe")
PRODUCT = f"{TOP}/build/gateway/crm_gateway"
counts = {"run": 0, "failed": 0}
started = []


@atexit.register
def end_all():
    """Also when a test dies: nothing that it started goes on."""
    for process in started:
        if process.poll() is None:
            process.terminate()


def ok(passed, name, detail=""):
    counts["run"] += 1
    print(f"{'ok' if passed else 'not ok'} {counts['run']} - {name}", flush=True)
    if not passed:
        counts["failed"] += 1
        for line in str(detail).splitlines()[:20]:
            print(f"#   {line}", flush=True)
    return passed


def equal(got, want, name):
    return ok(got == want, name, f"got  {got!r}\nwant {want!r}")


def skip(name, why):
    counts["run"] += 1
    print(f"ok {counts['run']} - {name} # SKIP {why}", flush=True)


def done():
    print(f"1..{counts['run']}", flush=True)
    sys.exit(1 if counts["failed"] else 0)


def sql(statement, database="probe"):
    """Rows as text, as the superuser."""
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{statement}: {done.stderr}")
    return done.stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=90):
    """What the condition says once it is true; a loaded machine has its time, a quick one waits no longer than it must."""
    end = time.time() + seconds
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return condition()


def sleeping():
    """How many requests for /api/v1/slow the database is at."""
    return int(sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()", "postgres"))


class Gateway:
    """One gateway process on a socket of its own; settings override the defaults."""

    def __init__(self, binary=PROBE, database="probe", supervise=False, environment=None, limit=None, **settings):
        self.folder = tempfile.mkdtemp(prefix="crmgw.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.socket = f"{self.folder}/gateway.sock"
        self.log = f"{self.folder}/access.log"
        self.config = f"{self.folder}/gateway.conf"
        self.settings = {
            "socket": self.socket, "log_file": self.log, "threads": 8, "connections": 4, "stop_timeout_s": 10,
            "database": f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} dbname={database} user=crm_gateway",
        }
        if os.getuid() == 0:
            self.settings["socket_group"] = "www-data"
        self.settings.update(settings)
        self.binary, self.supervise, self.limit = binary, supervise, limit
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.write_config()

    def write_config(self):
        with open(self.config, "w") as file:
            for key, value in self.settings.items():
                file.write(f"{key} = {value}\n")

    def start(self):
        command = [self.binary, "-c", self.config] + (["--supervise"] if self.supervise else [])
        if self.limit:
            command = ["prlimit", f"--nofile={self.limit}"] + command
        self.process = subprocess.Popen(command, env=self.environment, stderr=open(f"{self.folder}/stderr", "a"))
        started.append(self.process)
        if not wait_for(lambda: self.answers() or self.process.poll() is not None):
            raise RuntimeError("the gateway does not start: " + self.stderr())
        return self

    def stderr(self):
        return open(f"{self.folder}/stderr").read()

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.socket)
            return True
        except OSError:
            return False

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(30)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_lines(self):
        return [json.loads(line) for line in open(self.log)]

    def memory_kb(self, pid=None):
        status = open(f"/proc/{pid or self.process.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Nginx:
    """A private nginx in front of a gateway."""

    def __init__(self, gateway, **environment):
        self.port = free_port()
        self.folder = f"{gateway.folder}/nginx"
        os.mkdir(self.folder)
        subprocess.run([f"{TOP}/fcgi/etc/render-nginx", self.folder, gateway.socket, f"127.0.0.1:{self.port}"],
                       check=True, env=dict(os.environ, **environment))

    def start(self):
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([nginx, "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/nginx-error.log"],
                                        stderr=subprocess.DEVNULL)
        started.append(self.process)
        if not wait_for(self.answers):
            raise RuntimeError("nginx does not start: " + open(f"{self.folder}/nginx-error.log").read())
        return self

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def request(self, method, path, body=None, headers=None, key="crm_test_1_clerk", timeout=60):
        """One request on a connection of its own: an Answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = dict(headers or {})
        if key and not any(name.lower() in ("authorization", "x-api-key", "cookie") for name in sent):
            sent["X-Api-Key"] = key
        if body is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
        finally:
            connection.close()

    def raw(self, data, seconds=10):
        """Bytes as they are to nginx; what comes back until it closes or `seconds` are over."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            connection.sendall(data)
            received = b""
            try:
                while True:
                    part = connection.recv(65536)
                    if not part:
                        return received
                    received += part
            except TimeoutError:
                return received


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    def json(self):
        return json.loads(self.body)

    def code(self):
        try:
            return self.json().get("code")
        except ValueError:
            return None

    def __repr__(self):
        short = {k: v for k, v in self.headers.items() if k in ("content-type", "etag", "location", "link", "allow", "retry-after", "set-cookie")}
        return f"{self.status} {self.body[:700].decode(errors='replace')} {short}"


BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, GET_VALUES = 1, 2, 3, 4, 5, 6, 7, 9


def record(kind, content=b"", request_id=1):
    return struct.pack("!BBHHBB", 1, kind, request_id, len(content), 0, 0) + content


def pairs(parameters):
    encoded = b""
    for name, value in parameters:
        name, value = name.encode(), value if isinstance(value, bytes) else value.encode()
        for length in (len(name), len(value)):
            encoded += struct.pack("!B", length) if length < 128 else struct.pack("!I", length | 0x80000000)
        encoded += name + value
    return encoded


def parameters(method="GET", uri="/api/v1/who", length=None, extra=()):
    listed = [("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("REMOTE_ADDR", "127.0.0.1"),
              ("HTTP_X_API_KEY", "crm_test_1_clerk"), ("HTTP_HOST", "crm.example")]
    if length is not None:
        listed.append(("CONTENT_LENGTH", str(length)))
    replaced = {name for name, _ in extra}
    return [item for item in listed if item[0] not in replaced] + list(extra)


def begin(keep=False):
    return record(BEGIN, struct.pack("!HB5x", 1, 1 if keep else 0))


def head(method="GET", uri="/api/v1/who", length=None, extra=(), keep=False):
    content = pairs(parameters(method, uri, length, extra))
    packed = begin(keep)
    for at in range(0, len(content), 60000):
        packed += record(PARAMS, content[at:at + 60000])
    return packed + record(PARAMS)


class FastCgi:
    """A raw FastCGI client: sends what it is told, right or wrong."""

    def __init__(self, path, seconds=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()

    def take(self, length):
        while len(self.buffer) < length:
            part = self.socket.recv(65536)
            if not part:
                raise EOFError
            self.buffer += part
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def answer(self):
        """Reads to END_REQUEST: an Answer; None when the connection ended first."""
        out = b""
        try:
            while True:
                _, kind, _, length, padding, _ = struct.unpack("!BBHHBB", self.take(8))
                content = self.take(length + padding)[:length]
                if kind == STDOUT:
                    out += content
                elif kind == END:
                    break
        except (EOFError, ConnectionError):
            return None
        top, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ", 1) for line in top.decode("latin-1").split("\r\n") if ": " in line)
        return Answer(int(headers.get("status", "0").split()[0]), body, headers)

    def is_closed(self, seconds=3):
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True
