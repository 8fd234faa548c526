#!/usr/bin/python3
"""Differential check of hash.c against the reference implementation of XXH64.

Prints TAP.  Needs Debian's python3-xxhash; skipped when it is missing.
The program build/unit/hash_lines.t answers one line of hexadecimal bytes a line.
"""
import random
import subprocess
import sys

try:
    import xxhash
except ImportError:
    print("1..0 # SKIP python3-xxhash is not installed")
    sys.exit(0)

random.seed(11)
texts = [bytes(random.getrandbits(8) for _ in range(n)) for n in list(range(1, 300)) + [1000, 4000]]
out = subprocess.run([sys.argv[1]], input="".join(t.hex() + "\n" for t in texts), text=True,
                     stdout=subprocess.PIPE, check=True).stdout.split()
wrong = [len(t) for t, got in zip(texts, out) if xxhash.xxh64(t).hexdigest() != got]
for length in wrong:
    print("# differs at %d bytes" % length)
fine = not wrong and len(out) == len(texts)
print("%sok 1 - agrees with xxhash (%d texts)" % ("" if fine else "not ", len(out)))
print("1..1")
sys.exit(0 if fine else 1)
