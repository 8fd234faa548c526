#!/usr/bin/env python3
"""The matcher inside the product: accuracy on labelled sets without a look at their labels, and speed beside DuckDB and plain C.

Usage: tests/bench/identity.py [sets] [odd] [chain] [people] [growth] [components]      default: all; PEOPLE=1000000, SIZES="1 2 4" (millions)
CPU seconds are of the one backend, the peer's of its whole process; both run one after the other on the same machine.
"""
import csv
import io
import json
import math
import os
import re
import subprocess
import sys
import time

import identity_chain
import identity_family
import identity_odd
import identity_sets
from benchlib import TOP, Server, figure
from value import Backend

FOLDER = f"{TOP}/build/bench/identity"
PEERS = os.path.abspath(f"{TOP}/../shared/peers")
PEOPLE = int(os.environ.get("PEOPLE", "1000000"))
FIELDS = "SELECT id, first, last, phone, email, birthday, street || ' ' || postcode FROM bench_people"
KINDS = "{given,surname,phone,email,date,address}"
BARS = {"historical_50k": (0.86, 0.88, 40), "fake_1000": (0.92, 0.94, None), "febrl3": (0.997, None, None), "febrl4": (0.999, None, None)}


def load(server, rows):
    columns = ", ".join(f"c{k} text" for k in range(len(rows[0][0])))
    server.sql(f"DROP TABLE IF EXISTS bench_set; CREATE TABLE bench_set (id bigint, {columns})")
    text = io.StringIO()
    csv.writer(text).writerows([number, *fields] for number, (fields, _) in enumerate(rows, 1))
    subprocess.run(["psql", "-X", "-q", "-d", "crm", "-c", "COPY bench_set FROM STDIN (FORMAT csv)"], env=server.env, input=text.getvalue(), text=True, check=True)


def bar(name, value, least, word):
    figure(f"{name}: {word}", f"{value:.4f}", "", "", f">= {least}" if least else "", value >= least if least else None)


def sets(server):
    for name, read in identity_sets.SETS.items():
        rows, kinds = read()
        load(server, rows)
        backend = Backend(server)
        spent, lines = backend.cpu(f"SELECT cluster, cluster_automatic FROM crm.identity_link('SELECT * FROM bench_set', '{kinds}') ORDER BY record;")
        backend.close()
        truth = [label for _, label in rows]
        found = [line.split("|") for line in lines if line]
        balanced = identity_sets.score(truth, [line[0] for line in found])
        automatic = identity_sets.score(truth, [line[1] for line in found])
        f1, b3, largest = BARS.get(name, (None, None, None))
        bar(name, balanced["f1"], f1, f"cluster pairwise F1 (precision {balanced['precision']:.3f}, recall {balanced['recall']:.3f}; CPU {spent:.1f} s)")
        bar(name, balanced["b3"], b3, "B-cubed F1")
        figure(f"{name}: largest cluster", balanced["largest"], "", "", f"<= {largest}" if largest else "", balanced["largest"] <= largest if largest else None)
        bar(name, automatic["precision"], 0.99 if name in BARS else None, f"automatic cut, precision (recall {automatic['recall']:.3f})")


def labelled(server, rows, kinds):
    """Scores of both cuts."""
    load(server, rows)
    found = server.sql(f"SELECT cluster, cluster_automatic FROM crm.identity_link('SELECT * FROM bench_set', '{kinds}') ORDER BY record")
    lines = [line.split("|") for line in found.split()]
    truth = [label for _, label in rows]
    return [identity_sets.score(truth, [line[column] for line in lines]) for column in (0, 1)]


def odd(server):
    """Sets that a matcher stumbles over, three of each; what is reported is the worst of them."""
    for name, make in [(name, made.make) for made in (identity_odd, identity_family) for name in made.SETS]:
        runs = [labelled(server, *make(name, seed)) for seed in (1, 2, 3)]
        least = {key: min(balanced[key] for balanced, _ in runs) for key in ("precision", "recall", "f1")}
        precision, recall = (min(automatic[key] for _, automatic in runs) for key in ("precision", "recall"))
        figure(name, f"precision {least['precision']:.3f}, recall {least['recall']:.3f}, F1 {least['f1']:.3f}", "", f"automatic recall {recall:.3f}",
               "automatic precision >= 0.99", precision >= 0.99)


def people(server, count):
    path = f"{FOLDER}/p{count}.csv"
    if not os.path.exists(path):
        subprocess.run([f"{TOP}/build/bench/gen_people", str(count), "7", path], check=True)
    server.sql(f"""DROP TABLE IF EXISTS bench_people; CREATE TABLE bench_people (id bigint, first text, last text, phone text, email text,
        birthday text, street text, city text, postcode text, entity int);
        \\copy bench_people from '{path}' (format csv)""")
    return path


def match(server, fields=FIELDS, kinds=KINDS):
    """One statement: rows read, blocked, trained, scored, clustered; edges, membership and persons written."""
    server.sql("""DROP TABLE IF EXISTS bench_edge, bench_membership, bench_customer, bench_note;
        CREATE TABLE bench_edge (a bigint, b bigint, odds real, rule int, refused text, levels smallint[]);
        CREATE TABLE bench_membership (record bigint, customer bigint, automatic bigint);
        CREATE TABLE bench_customer (customer bigint, records bigint);
        CREATE TABLE bench_note (part text, a bigint, b bigint, rule int, refused text, trained bytea)""")
    backend = Backend(server)
    backend.ask("SET max_parallel_workers_per_gather = 0; SET jit = off; SET work_mem = '128MB';")
    began = time.time()
    spent, _, memory = backend.watch(f"""WITH found AS MATERIALIZED (SELECT * FROM crm._identity_link_run($${fields}$$, '{kinds}')),
        edges AS (INSERT INTO bench_edge SELECT a, b, odds, rule, refused, levels FROM found WHERE part = 'edge'),
        members AS (INSERT INTO bench_membership SELECT unnest(records), unnest(clusters), unnest(automatics) FROM found WHERE part = 'cluster'),
        persons AS (INSERT INTO bench_customer SELECT unnest(clusters), unnest(records) FROM found WHERE part = 'size')
        INSERT INTO bench_note SELECT part, a, b, rule, refused, trained FROM found WHERE part IN ('key', 'skip', 'model');""")
    wall = time.time() - began
    backend.close()
    return spent, wall, memory


def quality(server, cluster):
    text = server.sql(f"""WITH m AS (SELECT p.entity, {cluster} AS c FROM bench_membership JOIN bench_people p ON p.id = record),
        pair AS (SELECT (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM m GROUP BY c, entity) x) AS good,
            (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM m GROUP BY c) x) AS told,
            (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM m GROUP BY entity) x) AS real)
        SELECT good / told, good / real FROM pair""")
    return tuple(float(word) for word in text.split("|"))


def chain(server):
    """The same of a generated chain's records: Chinese names and addresses, masks, families, most values missing."""
    folder, path = f"{FOLDER}/chain{PEOPLE}", f"{FOLDER}/chain{PEOPLE}.csv"
    identity_chain.make(f"{TOP}/build/crm_sample", folder, PEOPLE, 51)
    count = identity_chain.write(folder, path)
    columns = ", ".join(f"{field} text" for field in identity_chain.FIELDS)
    server.sql(f"""DROP TABLE IF EXISTS bench_people; CREATE TABLE bench_people (id bigint, {columns}, entity int);
        \\copy bench_people from '{path}' (format csv)""")
    cpu, wall, memory = match(server, f"SELECT id, {', '.join(identity_chain.FIELDS)} FROM bench_people", identity_chain.KINDS)
    balanced, automatic = quality(server, "customer"), quality(server, "automatic")
    left_out = server.sql("SELECT count(*) || ' keys of ' || coalesce(max(b), 0) || ' rows at most' FROM bench_note WHERE part = 'skip'")
    name = f"{PEOPLE:,} persons of the sample chain, {count:,} records"
    figure(f"{name}: CPU s", f"{cpu:.1f} (wall {wall:.0f} s, {cpu / count * 1e6:.1f} us a record; left out {left_out})", "", "", "", None)
    figure(f"{name}: anonymous memory MB", f"{memory:.0f}", "", "", "", None)
    figure(f"{name}: precision / recall", f"{balanced[0]:.4f} / {balanced[1]:.4f}", "", f"automatic {automatic[0]:.4f} / {automatic[1]:.4f}", "", None)


def duckdb(path, count):
    """The peer as it is given, in its own folder; it counts its own CPU, wall time and memory."""
    folder = "/tmp/peers"
    os.makedirs(f"{folder}/data", exist_ok=True)
    os.makedirs(f"{FOLDER}/js", exist_ok=True)
    link = f"{folder}/data/p{count}.csv"
    if os.path.islink(link) or os.path.exists(link):
        os.remove(link)
    os.symlink(path, link)
    for name in ("link_duck.js", "duck.js"):
        with open(f"{PEERS}/js/{name}") as source, open(f"{FOLDER}/js/{name}", "w") as target:
            target.write(source.read())
    env = dict(os.environ, DL="levenshtein", NODE_PATH=f"{TOP}/build/bench/npm/node_modules")
    done = subprocess.run(["node", f"{FOLDER}/js/link_duck.js", str(count), "wide", "2"], env=env, capture_output=True, text=True)
    os.remove(link)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().split("\n")[-1])


def beside_duckdb(server):
    path = people(server, PEOPLE)
    cpu, wall, memory = match(server)
    balanced, automatic = quality(server, "customer"), quality(server, "automatic")
    peer = duckdb(path, PEOPLE)
    name = f"{PEOPLE:,} persons, six fields"
    p_cpu, p_wall, p_memory = peer["cpu_ms"] / 1000, peer["total"] / 1000, peer["peakMB"]
    figure(f"{name}, CPU s", f"{cpu:.1f}", f"DuckDB {p_cpu:.1f}", f"{cpu / p_cpu:.2f}", "<= 0.33", cpu <= p_cpu / 3)
    figure(f"{name}, wall s", f"{wall:.1f}", f"DuckDB {p_wall:.1f} on two threads", f"{wall / p_wall:.2f}", "<= 0.33", wall <= p_wall / 3)
    figure(f"{name}, wall s", f"{wall:.1f}", "", "", "< 60", wall < 60)
    figure(f"{name}, anonymous memory MB", f"{memory:.0f}", f"DuckDB {p_memory:.0f}", f"{memory / p_memory:.2f}", "<= 0.5", memory <= p_memory / 2)
    p_precision, p_recall = float(peer["cl_prec"]), float(peer["cl_rec"])
    figure(f"{name}, precision", f"{balanced[0]:.4f} (automatic {automatic[0]:.4f})", f"DuckDB {p_precision:.4f}", "", "no less", balanced[0] >= p_precision)
    figure(f"{name}, recall", f"{balanced[1]:.4f} (automatic {automatic[1]:.4f})", f"DuckDB {p_recall:.4f}", "", "no less", balanced[1] >= p_recall)


def growth(server):
    sizes = [int(float(word) * 1000000) for word in os.environ.get("SIZES", "1 2 4").split()]
    first = None
    for size in sizes:
        people(server, size)
        cpu, wall, memory = match(server)
        (precision, recall), automatic = quality(server, "customer"), quality(server, "automatic")
        each = cpu / size * 1e6
        first = first or (each, size)
        bar = 1.05 * math.log(size) / math.log(first[1])        # n log n, and what a measurement is worth
        figure(f"{size:,} persons: CPU us a record", f"{each:.1f} (CPU {cpu:.0f} s, wall {wall:.0f} s, {memory:.0f} MB, precision {precision:.3f}, recall {recall:.3f}; automatic {automatic[0]:.4f}, {automatic[1]:.3f})",
               "", f"{each / first[0]:.2f}", f"<= {bar:.2f} of the smallest", each <= bar * first[0])


def components(server):
    nodes, edges = 8000000, 10000000
    binary, text = f"{FOLDER}/edges.bin", f"{FOLDER}/edges.csv"
    if not os.path.exists(binary):
        subprocess.run([f"{TOP}/build/bench/gen_edges", str(nodes), str(edges), binary, text], check=True)
    plain = subprocess.run([f"{TOP}/build/bench/uf", binary, str(nodes)], capture_output=True, text=True, check=True).stdout
    floor, count = int(re.search(r"cpu=(\d+)", plain).group(1)) / 1000, re.search(r"comps=(\d+)", plain).group(1)
    server.sql(f"DROP TABLE IF EXISTS bench_edges; CREATE TABLE bench_edges (a bigint, b bigint);\n\\copy bench_edges from '{text}' (format csv)")
    server.sql("VACUUM ANALYZE bench_edges")
    backend = Backend(server)
    scan = min(backend.cpu("SELECT count(a), count(b) FROM bench_edges;")[0] for _ in range(2))
    runs = [backend.cpu("SELECT crm.identity_components(a, b) FROM bench_edges;") for _ in range(2)]
    backend.close()
    spent = min(run[0] for run in runs)
    ours = json.loads(runs[0][1][0])
    same = nodes - ours["nodes"] + ours["components"] == int(count)
    figure("components of 10M edges over 8M nodes: same number", same, "", "", "true", same)
    figure("components of 10M edges over 8M nodes, CPU s", f"{spent:.2f} (reading the table alone {scan:.2f})", f"plain C {floor:.2f}", f"{spent / floor:.2f}", "<= 3", spent <= 3 * floor)


def main():
    steps = {"sets": sets, "odd": odd, "chain": chain, "people": beside_duckdb, "growth": growth, "components": components}
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    server = Server("-".join(["bench-identity", *sys.argv[1:]]))       # steps that run side by side have a server each
    try:
        server.install()
        for step in sys.argv[1:] or steps:
            steps[step](server)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
