#!/usr/bin/env python3
"""Turns a chain's member files into SQL that imports them and does the workers' part of it at once.

    load_members.py DIR | psql

For scoring persons against the truth without gateway, workers and orders.
"""
import json
import os
import sys

CHUNK = 200_000


def chunks(path):
    """Pieces of about CHUNK bytes that end where a record ends: at a line end outside of quotes."""
    piece, quotes = b"", 0
    with open(path, "rb") as file:
        for line in file:
            piece += line
            quotes += line.count(b'"') if path.endswith(".csv") else 0
            if len(piece) >= CHUNK and quotes % 2 == 0:
                yield piece
                piece = b""
    if piece:
        yield piece


def main():
    chain = sys.argv[1]
    manifest = json.load(open(os.path.join(chain, "manifest.json"), encoding="utf-8"))
    for f in manifest["files"]:
        if f["entity"] != "member":
            continue
        path = os.path.join(chain, f["file"])
        options = '{"history": true, "lenient": true}'
        print(f"SELECT crm.ingest_bulk_begin('{f['source']}', 'member', '{f['format']}', '{f['encoding']}', '{options}') AS batch \\gset")
        for number, piece in enumerate(chunks(path)):
            print(f"SELECT crm.ingest_bulk_append(:batch, {number}, '\\x{piece.hex()}');")
        print(f"SELECT crm.ingest_bulk_commit(:batch, {os.path.getsize(path)});")
    # what the workers do, to the end: each call is a transaction of its own
    print("CREATE PROCEDURE pg_temp.work() LANGUAGE plpgsql AS $$ BEGIN"
          " WHILE crm._ingest_validate() > 0 LOOP COMMIT; END LOOP; COMMIT;"
          " WHILE crm._ingest_apply() > 0 LOOP COMMIT; END LOOP; COMMIT; END $$;")
    print("CALL pg_temp.work();")


main()
