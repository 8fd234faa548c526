#!/usr/bin/env python3
"""make bench-gateway: one person as JSON by key beside PHP-FPM, imports end to end, one order with its consequences."""
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from benchlib import TOP, Server, cpu_seconds, figure, processes, rss_mb, wait_for

PORT = 28480
PHP_PORT = 28481
PERSONS = 100_000
STATEMENT_FILE = f"{TOP}/build/gateway/crm_gateway"
UCI = os.path.join(TOP, "..", "shared", "data", "value", "online_retail")


def populate(server):
    """100,000 persons over 36 stores in 4 regions, written directly: only reading is measured on them."""
    server.sql(f"""
        SELECT crm.access_define_region('R' || r, 'region ' || r) FROM generate_series(1, 4) r;
        SELECT crm.access_define_store('S' || s, 'store ' || s, 'R' || (1 + s % 4)) FROM generate_series(1, 36) s;
        INSERT INTO crm.customer (customer_id, status, name_masked, phone_masked, city, home_store_id, scope_store_ids, registered_at, registered_on, updated_at)
        SELECT i, 'active', '王**', '138****' || lpad((i % 10000)::text, 4, '0'), '上海', s.store_id, ARRAY[s.store_id], now(), current_date, now()
        FROM generate_series(1, {PERSONS}) i JOIN (SELECT store_id, row_number() OVER (ORDER BY store_id) AS n FROM crm.store) s ON s.n = 1 + i % 36;
        INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, first_day, last_day, as_of, updated_at)
        SELECT i, (ARRAY['S','A','B','C'])[1 + i % 4], current_date, i % 50, i * 100, current_date - 300, current_date - i % 300, current_date, now()
        FROM generate_series(1, {PERSONS}) i;""")
    for table in ("customer", "customer_value"):
        server.sql(f"VACUUM (FREEZE, ANALYZE) crm.{table}")


def make_keys(server):
    """Four roles; each with the ids it may see."""
    keys = {}
    for role, store in (("crm_clerk", "'S1'"), ("crm_store_manager", "'S2'"), ("crm_service", "'S3'"), ("crm_headquarters", "NULL")):
        key = server.sql(f"SELECT crm.access_create_key('bench {role}', '{role}', NULL, {store})")
        ids = server.sql(f"SELECT customer_id FROM crm.customer WHERE {store} IS NULL OR home_store_id = (SELECT store_id FROM crm.store WHERE code = {store}) ORDER BY customer_id LIMIT 2000")
        keys[role] = (key, ids.split())
    return keys


def write_load(path, keys, url_of):
    """A wrk script that rotates roles and ids; url_of turns an id into a path."""
    lines = ["local calls = {"]
    draw = random.Random(1)
    for n in range(4000):
        key, ids = list(keys.values())[n % len(keys)]
        lines.append(f'  {{"{url_of(draw.choice(ids))}", "Bearer {key}"}},')
    lines += ["}", "local n = 0",
              "request = function() n = n % #calls + 1; return wrk.format('GET', calls[n][1], {['Authorization'] = calls[n][2]}) end",
              "local bad = 0", "response = function(status) if status ~= 200 then bad = bad + 1 end end",
              "done = function(summary) io.write('errors ' .. summary.errors.status .. '\\n') end"]
    open(path, "w").write("\n".join(lines))


def start_php(server, folder):
    statement = subprocess.run([STATEMENT_FILE, "--statement", "GET", "/api/v1/persons/{id}"], capture_output=True, text=True, check=True).stdout.strip()
    conninfo = f"host={server.env['PGHOST']} port={server.env['PGPORT']} user=crm_gateway dbname=crm"
    user = "user=www-data\ngroup=www-data\nlisten.owner=www-data\nlisten.group=www-data\n" if os.getuid() == 0 else ""
    escaped = statement.replace('"', '\\"').replace("\n", " ")
    open(f"{folder}/fpm.conf", "w").write(
        f"[global]\npid={folder}/fpm.pid\nerror_log={folder}/fpm.log\ndaemonize=no\n[bench]\n{user}listen={folder}/fpm.sock\nlisten.mode=0666\n"
        f"pm=static\npm.max_children=8\nenv[CRM_CONNINFO]=\"{conninfo}\"\nenv[CRM_STATEMENT]=\"{escaped}\"\n")
    open(f"{folder}/nginx.conf", "w").write(
        f"daemon off;\npid {folder}/nginx.pid;\nworker_processes 2;\n{'user www-data;' if os.getuid() == 0 else ''}\nerror_log {folder}/nginx.err;\nevents {{ worker_connections 256; }}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream php {{ server unix:{folder}/fpm.sock; keepalive 8; }}\n"
        f"server {{ listen 127.0.0.1:{PHP_PORT}; keepalive_requests 100000; location / {{ include /etc/nginx/fastcgi_params; fastcgi_keep_conn on;\n"
        f"fastcgi_param SCRIPT_FILENAME {TOP}/tests/bench/php/person.php; fastcgi_pass php; }} }} }}\n")
    fpm = subprocess.Popen(["php-fpm8.2", "-y", f"{folder}/fpm.conf", "-F"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.err"])
    time.sleep(1)
    return fpm, nginx


def measure(server, load, url, application, nginx_pattern):
    """CPU microseconds a request: application, nginx, PostgreSQL."""
    subprocess.run(["wrk", "-t1", "-c8", "-d2s", "-s", load, url], capture_output=True)
    backends = [int(pid) for pid in server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'crm_gateway'").split()]
    groups = [processes(application), processes(nginx_pattern) , backends]
    before = [cpu_seconds(group) for group in groups]
    output = subprocess.run(["wrk", "-t1", "-c8", "-d6s", "--latency", "-s", load, url], capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    errors = int(re.search(r"errors (\d+)", output).group(1))
    if errors:
        raise RuntimeError(f"{errors} of {requests} answers of {url} were no 200")
    return [(cpu_seconds(group) - start) * 1e6 / requests for group, start in zip(groups, before)], requests / 6


def bench_person(server, folder):
    populate(server)
    keys = make_keys(server)
    write_load(f"{folder}/ours.lua", keys, lambda person: f"/api/v1/persons/{person}")
    write_load(f"{folder}/php.lua", keys, lambda person: f"/?id={person}")
    fpm, nginx = start_php(server, folder)
    web = f"{folder}/web/nginx.conf"
    try:
        ours, theirs = [], []
        for _ in range(3):
            theirs.append(measure(server, f"{folder}/php.lua", f"http://127.0.0.1:{PHP_PORT}", r"^php-fpm", f"nginx: (worker|master).*|{folder}/nginx.conf"))
            ours.append(measure(server, f"{folder}/ours.lua", f"http://127.0.0.1:{PORT}", r"^\S*crm_gateway \S*gateway.conf", f"nginx: (worker|master).*|{web}"))
    finally:
        fpm.terminate()
        nginx.terminate()
    best = min(ours, key=lambda run: sum(run[0]))
    peer = min(theirs, key=lambda run: sum(run[0]))
    ratio = sum(best[0]) / sum(peer[0])
    describe = lambda run: " + ".join(f"{part:.0f}" for part in run[0]) + f" = {sum(run[0]):.0f} us"
    figure("person by key: CPU of application + nginx + PostgreSQL", describe(best), "PHP-FPM " + describe(peer), f"{ratio:.2f}", "<= 0.50", ratio <= 0.5)
    figure("person by key: requests a second", f"{best[1]:.0f}", f"PHP-FPM {peer[1]:.0f}", f"{best[1] / peer[1]:.2f}", "", None)


def request(method, path, key, body=None, kind="application/json"):
    call = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/v1/{path}", data=body, method=method,
                                  headers={"Authorization": f"Bearer {key}", "Content-Type": kind})
    with urllib.request.urlopen(call, timeout=600) as answer:
        return json.loads(answer.read())


def send_file(key, path, **query):
    """Streams a file in; the import."""
    words = "&".join(f"{name}={value}" for name, value in query.items())
    kind = "text/csv" if query["format"] == "csv" else "application/x-ndjson"
    subprocess.run(["curl", "-sS", "--fail-with-body", "-X", "POST", f"http://127.0.0.1:{PORT}/api/v1/imports?{words}", "-H", f"Authorization: Bearer {key}",
                    "-H", f"Content-Type: {kind}", "-T", path, "-o", f"{path}.answer"], check=False)
    answer = json.load(open(f"{path}.answer"))
    if "batch_id" not in answer:
        raise RuntimeError(f"{path} was not taken: {answer}")
    return answer["batch_id"]


def import_file(key, path, **query):
    """Streams a file in, waits until the worker is done; (lines, seconds from first byte to last fact)."""
    started = time.time()
    lines = await_import(key, send_file(key, path, **query))
    return lines, time.time() - started


def await_import(key, batch):
    """Waits until the workers are done with an import; its lines."""
    job = {}

    def finished():
        job.update(request("GET", f"imports/{batch}", key))
        if job["state"] in ("invalid", "aborted"):
            raise RuntimeError(f"import {batch}: {job}")
        return job["state"] == "done"

    wait_for(finished, f"import {batch}")
    return job["line_count"]


def bench_uci(server, key, folder):
    files = sorted(f for f in os.listdir(UCI) if "online_retail" in f.lower() and not f.endswith(".md")) if os.path.isdir(UCI) else []
    if not files:
        print("UCI Online Retail: skipped, its data is not beside the checkout")
        return
    mapping = json.load(open(f"{TOP}/tests/bench/online_retail.mapping.json"))
    server.sql("""SELECT crm.ingest_define_source('uci', 'UCI Online Retail', 'pos', '{"time_zone": "Europe/London", "currency": "GBP"}')""")
    server.sql(f"SELECT crm.ingest_define_mapping('uci', 'order_line', $spec${json.dumps(mapping)}$spec$)")
    path = f"{folder}/uci.csv"
    subprocess.run(["sh", "-c", f"{'gzip -dc' if files[0].endswith('.gz') else 'cat'} '{UCI}/{files[0]}' > {path}"], check=True)
    lines, seconds = import_file(key, path, source="uci", entity="order_line", format="csv", history="true", lenient="true")
    figure("import of UCI Online Retail, end to end", f"{lines / seconds:.0f} lines/s ({lines} in {seconds:.1f} s)", "", "", ">= 40000", lines / seconds >= 40000)


def bench_chain(server, key, folder):
    chain = f"{folder}/chain"
    subprocess.run([f"{TOP}/build/crm_sample", "--out", chain, "--persons", os.environ.get("CRM_PERSONS", "80000"), "--until", "2026-06-30"], check=True, stdout=subprocess.DEVNULL)
    server.sql(open(f"{TOP}/tests/sample/define.sql").read(), chain=chain, receiver_port=PORT + 5)
    server.sql(subprocess.run(["python3", f"{TOP}/tests/bin/demo-sources", f"{chain}/manifest.json"], capture_output=True, text=True, check=True).stdout)
    total, spent = 0, 0.0
    files = json.load(open(f"{chain}/manifest.json"))["files"]
    # goods, then members, then what hangs on them: each kind sent at once, as a chain that moves in would
    for is_next in (lambda entity: entity == "product", lambda entity: entity == "member",
                    lambda entity: entity not in ("product", "member", "refund"), lambda entity: entity == "refund"):
        started = time.time()
        sent = [send_file(key, f"{chain}/{item['file']}", source=item["source"], entity=item["entity"], format=item["format"],
                          encoding=item["encoding"], history="true", lenient="true") for item in files if is_next(item["entity"])]
        lines = sum(await_import(key, batch) for batch in sent)
        print(f"    {len(sent)} files: {lines} lines in {time.time() - started:.1f} s", file=sys.stderr)
        total, spent = total + lines, spent + time.time() - started
    figure("import of the sample chain, end to end", f"{total / spent:.0f} lines/s ({total} in {spent:.1f} s)", "", "", ">= 12000", total / spent >= 12000)


def bench_memory(server, key, folder):
    """500 MB through the gateway as a dry run; its memory sampled all the while."""
    path = f"{folder}/large.ndjson"
    with open(path, "w") as out:
        number = 0
        while out.tell() < 500e6:
            out.writelines(f'{{"external_id": "x{number + i}", "type": "page_view", "occurred_at": "2026-06-01T10:00:00+08:00", "device": "d{i}", "object_id": "{"o" * 120}"}}\n' for i in range(5000))
            number += 5000
    gateway = processes(r"^\S*crm_gateway \S*gateway.conf")
    before, highest, stop = rss_mb(gateway), [0.0], threading.Event()

    def sample():
        while not stop.wait(0.1):
            highest[0] = max(highest[0], rss_mb(gateway))

    watcher = threading.Thread(target=sample)
    watcher.start()
    subprocess.run(["curl", "-sS", "--fail-with-body", "-X", "POST", f"http://127.0.0.1:{PORT}/api/v1/imports?source=mini&entity=event&format=ndjson&dry_run=true&history=true",
                    "-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/x-ndjson", "-T", path, "-o", f"{path}.answer"], check=False)
    stop.set()
    watcher.join()
    server.sql(f"SELECT crm.ingest_bulk_abort({json.load(open(path + '.answer'))['batch_id']})")
    os.unlink(path)
    figure("gateway memory during a 500 MB import", f"{before:.1f} MB before, {highest[0]:.1f} MB at most", "", "", "<= 30 MB, flat",
           highest[0] <= 30 and highest[0] - before < 3)


ORDER = ("SELECT status FROM crm.ingest_order('pos', convert_to(format('{\"external_id\": \"b-%s\", \"ordered_at\": \"2026-06-30T12:00:00+08:00\","
         " \"store_code\": \"S01\", WHO, \"items\": [{\"product_code\": \"A10001\", \"quantity\": 2, \"unit_price\": \"28.90\"},"
         " {\"product_code\": \"A10008\", \"quantity\": 1, \"unit_price\": \"49.80\"}]}', :n::bigint, WHOSE), 'UTF8'));\n")


def till_environment(server):
    """What the gateway sets for a till's key: its role and claims."""
    key = server.sql("SELECT crm.access_create_key('bench till', 'crm_till', 'pos')")
    claims = server.sql("SELECT claims FROM crm.access_authenticate(:'credential')", credential=json.dumps({"kind": "key", "value": key}))
    escape = lambda text: re.sub(r"([ \\\\])", r"\\\1", text)
    return {**server.env, "PGOPTIONS": f"-c role=crm_till -c crm.access_claims={escape(claims)}"}


def workers_cpu(server):
    """CPU seconds of the processes that work when nobody calls: workers, and autovacuum behind them."""
    return cpu_seconds(map(int, server.sql("SELECT pid FROM crm.worker_status WHERE pid IS NOT NULL UNION "
                                           "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'").split()))


def drain(server, window=5):
    """A day is normal once the workers have done what an import left: they take next to nothing of a core, and nothing is marked or due."""
    server.sql("VACUUM (ANALYZE)")
    server.sql("CHECKPOINT")

    def is_quiet():
        before = workers_cpu(server)
        time.sleep(window)
        return workers_cpu(server) - before < window * 0.04 and server.sql(
            "SELECT (SELECT count(*) FROM crm.value_dirty) + (SELECT count(*) FROM crm.segment_mark) + (SELECT count(*) FROM crm.report_mark)") == "0"

    wait_for(is_quiet, "the workers to be through with what the import left", 1800)


def time_orders(environment, folder, name, script):
    """Latency of 2,000 orders with their commits, one session, after 500 to warm up; (p50, p99) in ms."""
    path = f"{folder}/{name}.sql"
    open(path, "w").write(script)
    run = lambda count, *more: subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", "1", "-t", str(count), "-f", path, *more, "crm"],
                                              env=environment, cwd=folder, check=True, capture_output=True, text=True)
    run(500)
    run(2000, "-l", f"--log-prefix={name}")
    logs = [log for log in os.listdir(folder) if log.startswith(f"{name}.") and not log.endswith(".sql")]
    times = sorted(int(line.split()[2]) for log in logs for line in open(f"{folder}/{log}"))
    return times[len(times) // 2] / 1000, times[int(len(times) * .99)] / 1000


def bench_order(server, folder):
    """
    One order with all its consequences, one session, synchronous commit, as a till's key: of members, and of phones never seen,
    who are welcomed. First while the workers are busy with what the import left, then on a normal day; the bar is the day's.
    """
    server.sql("""CREATE TABLE public.bench_member AS SELECT row_number() OVER () AS n, k.external_id FROM crm.external_key k
        JOIN crm.source s USING (source_id) JOIN crm.source_record r ON r.source_record_id = k.source_record_id
        WHERE s.code = 'pos' AND k.kind = 1 AND r.kind = 'member' LIMIT 5000;
        CREATE UNIQUE INDEX ON public.bench_member (n); GRANT SELECT ON public.bench_member TO crm_till;
        CREATE TABLE public.bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);""")
    environment = till_environment(server)
    members = server.sql("SELECT count(*) FROM public.bench_member")
    draw = "\\set n random(1, 2000000000)\n\\set p random(%d, %d)\n"
    known = draw % (1, int(members)) + ORDER.replace("WHOSE", "(SELECT external_id FROM public.bench_member WHERE n = :p)") \
        .replace("WHO", '"member_external_id": "%s"')
    fresh = draw % (10_000_000, 99_999_999) + ORDER.replace("WHOSE", ":p::text").replace("WHO", '"phone": "139%s"')
    for is_day in (False, True):
        if is_day:
            drain(server)
        for name, script, label in (("order_known", known, "of a member"), ("order_new", fresh, "of a new person, who is welcomed")):
            p50, p99 = time_orders(environment, folder, f"{name}_{is_day:d}", script)
            # what this disk takes for a commit, of anything, in the same minute
            row50, row99 = time_orders(server.env, folder, f"row_{name}_{is_day:d}", "INSERT INTO public.bench_row (body) VALUES (repeat('x', 500));\n")
            figure(f"one order with all its consequences, in the database, synchronous commit, {label}{'' if is_day else ', the import not yet digested'}",
                   f"p50 {p50:.2f} ms, p99 {p99:.2f} ms", f"one row and its commit: p50 {row50:.2f} ms, p99 {row99:.2f} ms", f"{p99 / row99:.2f}",
                   "p99 <= 3 ms" if is_day else "", p99 <= 3 if is_day else None)


def main():
    missing = [tool for tool in ("wrk", "php-fpm8.2") if not any(os.access(f"{d}/{tool}", os.X_OK) for d in ("/usr/bin", "/usr/sbin"))]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk", "php8.2-fpm", "php8.2-pgsql"], check=True, stdout=subprocess.DEVNULL)
    parts = sys.argv[1:] or ["person", "uci", "chain", "order", "memory"]
    server = Server("bench")
    folder = tempfile.mkdtemp(prefix="crmb.")
    os.chmod(folder, 0o755)
    try:
        server.install()
        socket_dir = server.env["PGHOST"]
        subprocess.run([f"{TOP}/tests/bin/web", "start", f"{folder}/web", str(PORT), socket_dir,
                        f"host={socket_dir} port={server.env['PGPORT']} dbname=crm user=crm_gateway"], check=True)
        time.sleep(2)
        print("name | ours | peer | ratio | bar | ok")
        if "person" in parts:
            bench_person(server, folder)
            server.sql("TRUNCATE crm.customer, crm.customer_value, crm.customer_private")
        key = server.sql("SELECT crm.access_create_key('bench imports', 'crm_steward')")
        if "uci" in parts:
            bench_uci(server, key, folder)
        if "chain" in parts:
            bench_chain(server, key, folder)
        if "order" in parts and "chain" in parts:
            bench_order(server, folder)
        if "memory" in parts and "chain" in parts:
            bench_memory(server, key, folder)
    finally:
        subprocess.run([f"{TOP}/tests/bin/web", "stop", f"{folder}/web"])
        server.remove()
        subprocess.run(["rm", "-rf", folder])


main()
