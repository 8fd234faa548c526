#!/usr/bin/env python3
"""Comparators beside DuckDB's own functions, one thread each, on the same pairs of surnames in the same run; the two take turns.

Usage: tests/bench/compare.py VALUES      a file of one value a line; make bench-compare writes it
The peer's CPU is that of one pass over a table of the pairs, less that of a pass which only reads them.
"""
import json
import re
import subprocess
import sys

from benchlib import TOP, figure

TURNS = 3
PEER = {"jaro_winkler": ("jaro_winkler_similarity(a, b)", 5000000), "levenshtein": ("levenshtein(a, b)", 2000000),
        "damerau": ("damerau_levenshtein(a, b)", 500000)}


def ours(values):
    text = subprocess.run([f"{TOP}/build/bench_compare", values], capture_output=True, text=True, check=True).stdout
    return {name.strip(): (float(speed), float(total)) for name, speed, total in re.findall(r"^(.{14}) +([\d.]+) million pairs a CPU-second \(sum ([\d.]+)\)", text, re.M)}


def theirs(values):
    """Millions of pairs a CPU-second, and the sum of all answers, by name."""
    statements = [f"CREATE TABLE value AS SELECT row_number() OVER () - 1 AS place, line FROM read_csv('{values}', columns={{'line': 'VARCHAR'}}, header=false, delim='\\x01', quote='')",
                  """CREATE TABLE pair AS SELECT n, x.line AS a, y.line AS b FROM (SELECT range AS n, (SELECT count(*) FROM value) AS many FROM range(5000000)) p
                     JOIN value x ON x.place = n % many JOIN value y ON y.place = (n + 1 + n // many) % many ORDER BY n"""]
    for call, count in PEER.values():
        statements += [f"SELECT sum(length(a) + length(b)) FROM pair WHERE n < {count}", f"SELECT sum({call}) FROM pair WHERE n < {count}"]
    done = subprocess.run(["node", f"{TOP}/tests/bench/duckdb.js", ":memory:", *statements], cwd=TOP, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answers = [json.loads(line) for line in done.stdout.strip().split("\n")][2:]
    return {name: (count / max(answers[2 * i + 1]["cpu"] - answers[2 * i]["cpu"], 1e-6) / 1e6, float(answers[2 * i + 1]["row"][0]))
            for i, (name, (_, count)) in enumerate(PEER.items())}


def main():
    turns = [(ours(sys.argv[1]), theirs(sys.argv[1])) for _ in range(TURNS)]
    for name in turns[0][0]:
        speed = max(turn[0][name][0] for turn in turns)
        if name not in PEER:
            figure(f"{name}, million pairs a CPU-second", f"{speed:.1f}", "", "", "", None)
            continue
        peer = max(turn[1][name][0] for turn in turns)
        figure(f"{name}, million pairs a CPU-second", f"{speed:.1f}", f"DuckDB {peer:.1f}", f"{speed / peer:.2f}", ">= 0.67", speed >= 0.67 * peer)
    told, peer = turns[0][0]["jaro_winkler"][1], turns[0][1]["jaro_winkler"][1]
    figure("jaro_winkler, sum over five million pairs", f"{told:.0f}", f"DuckDB {peer:.0f}", "", "the same", abs(told - peer) < 2)


if __name__ == "__main__":
    main()
