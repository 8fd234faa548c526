"""What the benchmarks share: a private server, CPU seconds of processes, a line a figure."""
import os
import re
import subprocess
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
HZ = os.sysconf("SC_CLK_TCK")


def figure(name, ours, peer, ratio, bar, ok):
    """Prints one line; ok is a bool, or None for a figure without a bar."""
    verdict = "" if ok is None else "ok" if ok else "short"
    print(f"{name} | {ours} | {peer} | {ratio} | {bar} | {verdict}", flush=True)


class Server:
    """A private cluster by tests/bin/cluster, with durable commits, and psql on it."""

    def __init__(self, name, *settings):
        options = [word for setting in ("shared_preload_libraries=crm", "crm.core_test_mode=on", "shared_buffers=1GB",
                   "max_wal_size=8GB", "max_worker_processes=16", "checkpoint_timeout=30min", *settings) for word in ("-c", setting)]
        self.name = name
        subprocess.run([f"{TOP}/tests/bin/cluster", "remove", name], stderr=subprocess.DEVNULL)
        lines = subprocess.run([f"{TOP}/tests/bin/cluster", "start", name, *options], check=True, capture_output=True, text=True).stdout
        self.env = dict(os.environ)
        for key, value in re.findall(r"(\w+)=(\S+)", lines):
            self.env[key] = value.replace("$PATH", self.env["PATH"])
        if os.environ.get("CRM_BENCH_REALTIME"):
            self.put_first()

    def put_first(self):
        """Gives the server's processes, all that it starts from now on, and who takes the times the processor before everybody else:
        on a machine that others use, too, times by the wall then say what the server needs, not what is left for it."""
        postmaster = int(self.sql("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)", "postgres"))
        children = open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii").read().split()
        for pid in (0, postmaster, *map(int, children)):
            try:
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(10))
            except ProcessLookupError:
                pass

    def sql(self, text, database="crm", **variables):
        options = [word for key, value in variables.items() for word in ("-v", f"{key}={value}")]
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, *options, "-f", "-"],
                              input=text, env=self.env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def install(self):
        self.sql("CREATE DATABASE crm", "postgres")
        self.sql("CREATE EXTENSION crm; SELECT count(*) FROM crm.install();")

    def remove(self):
        subprocess.run([f"{TOP}/tests/bin/cluster", "remove", self.name])


class Session:
    """One backend, whose CPU time is read from the kernel."""

    def __init__(self, server):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "crm"], env=server.env, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.run("SET client_min_messages = warning; SET crm.core_clock = '2026-06-30T12:00:00+08:00'")
        self.pid = self.run("SELECT pg_backend_pid()")

    def run(self, text):
        self.psql.stdin.write(f"{text};\n\\echo --done--\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline()) != "--done--\n":
            if not line:
                raise RuntimeError("the session ended")
            lines.append(line.rstrip("\n"))
        return "\n".join(lines)

    def cpu(self):
        fields = open(f"/proc/{self.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HZ

    def timed(self, text):
        before = self.cpu()
        answer = self.run(text)
        return self.cpu() - before, answer


def flush_ms(path):
    """Milliseconds that the disk needs for a page of a file to be safe: what each commit waits for, whoever else writes."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(file, os.urandom(8192), 0)
    began = time.time()
    os.fdatasync(file)
    taken = (time.time() - began) * 1000
    os.close(file)
    return taken


def processes(pattern):
    """Pids whose command line matches, children of the benchmark or not."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if re.search(pattern, line) and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / HZ


def rss_mb(pids):
    total = 0
    for pid in pids:
        try:
            total += int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))
        except (OSError, AttributeError):
            pass
    return total / 1024


def wait_for(condition, what, seconds=600):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        time.sleep(0.25)
    raise RuntimeError(f"waited in vain for {what}")
