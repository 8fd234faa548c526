#!/usr/bin/python3
"""Cron expressions against published vectors, and against a clock that is walked second by second.

Reads the vectors of robfig/cron and ccronexpr from $CRM_SHARED (or ../shared), each under its own
dialect; prints TAP.  The walk needs no vectors: for each expression it looks at every minute of the
days around changes of clocks, with Python's zoneinfo, and derives what our rule says from that.
"""
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

VIXIE, ROBFIG, SPRING = 0, 1, 2
UTC = timezone.utc
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
vectors = os.path.join(os.environ.get("CRM_SHARED", os.path.join(top, "..", "shared")), "data", "campaign")
child = subprocess.Popen([sys.argv[1]], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
count = failed = 0


def ask(dialect, zone, at, expression):
    child.stdin.write("%d\t%s\t%d\t%s\n" % (dialect, zone, at, expression))
    child.stdin.flush()
    answer = child.stdout.readline().strip()
    return int(answer) if answer.lstrip("-").isdigit() else answer


def check(got, want, name):
    global count, failed
    count += 1
    if got != want:
        failed += 1
        print("not ok %d - %s\n# got %s, want %s" % (count, name, got, want))
    else:
        print("ok %d - %s" % (count, name))


def instant(text, zone):
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).timestamp())


def load(name, file):
    with open(os.path.join(vectors, name, file + ".json")) as f:
        return json.load(f)


def published():
    for name, dialect in (("cron_robfig", ROBFIG), ("cron_ccronexpr", SPRING)):
        for v in load(name, "next"):
            zone = v["tz"] or "UTC"
            want = instant(v["next"], zone) if v["next"] else "never"
            check(ask(dialect, zone, instant(v["from"], zone), v["expr"]), want,
                  "%s: %s after %s" % (name, v["expr"], v["from"]))
        for e in load(name, "invalid"):
            check(ask(dialect, "UTC", 0, e), "invalid", "%s: %s is refused" % (name, e))
    for v in load("cron_robfig", "activation"):
        at = instant(v["at"], "UTC")
        check(ask(ROBFIG, "UTC", at - 1, v["expr"]) == at, v["active"], "robfig: %s at %s" % (v["expr"], v["at"]))
    for e in load("cron_ccronexpr", "unsatisfiable"):
        check(ask(SPRING, "UTC", 0, e), "never", "%s never comes" % e)
    for a, b in load("cron_ccronexpr", "equivalent"):
        same, at = True, 1341100430
        for _ in range(60):
            one, two = ask(SPRING, "UTC", at, a), ask(SPRING, "UTC", at, b)
            same = same and one == two
            at = one if isinstance(one, int) else at
        check(same, True, "%s = %s" % (a, b))


def numbers(field, low, high):
    out = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        a, b = (low, high) if span == "*" else (int(span.split("-")[0]), int(span.split("-")[-1]))
        out |= set(range(a, (high if step and "-" not in span else b) + 1, int(step or 1)))
    return out


def walked(expression, zone, start, days):
    """Every moment of the expression within some days, by our rule, minute by minute."""
    f = expression.split()
    minutes, hours, doms, months = (numbers(x, *r) for x, r in zip(f, ((0, 59), (0, 23), (1, 31), (1, 12))))
    dows = numbers(f[4], 0, 6)
    star = f[2].startswith("*") or f[4].startswith("*")
    follows = f[0].startswith("*") or f[1].startswith("*")

    def meant(local):
        d, w = local.day in doms, (local.isoweekday() % 7) in dows
        return local.minute in minutes and local.hour in hours and local.month in months and ((d and w) if star else (d or w))

    found, seen, last = [], set(), None
    for n in range(days * 1440):
        at = start + n * 60
        local = datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=None)
        # the walls that a jump passed over: a fixed time among them falls now
        skipped = []
        if not follows and last is not None and local > last + timedelta(minutes=1):
            wall = last + timedelta(minutes=1)
            while wall < local:
                skipped.append(wall)
                wall += timedelta(minutes=1)
        due = any(meant(w) and w not in seen for w in skipped) or (meant(local) and (follows or local not in seen))
        seen.update(skipped + [local])
        last = local
        if due:
            found.append(at)
    return found


def walks():
    for zone, start in (("America/New_York", "2026-03-06"), ("America/New_York", "2026-10-30"), ("Europe/Berlin", "2024-03-29"),
                        ("Europe/Berlin", "2027-10-29"), ("America/Sao_Paulo", "2018-11-02"), ("America/Sao_Paulo", "2018-02-15"),
                        ("Australia/Lord_Howe", "2026-04-03"), ("Australia/Lord_Howe", "2026-10-02"), ("Asia/Shanghai", "2026-02-26"),
                        ("Africa/Casablanca", "2026-02-13"), ("Asia/Shanghai", "1986-05-02"), ("America/St_Johns", "2007-11-02")):
        for e in ("30 2 * * *", "30 1 * * *", "0 0 * * *", "15 0 * * *", "0 * * * *", "*/20 1-3 * * *", "0,30 2 * * *", "45 23 * * *",
                  "0 3 * * 0", "10 2 1,28-31 * *", "0 12 13 * 5", "5 1 */2 * 1", "59 * * * *", "0 10 * * *"):
            at = instant(start + "T12:00:00", "UTC")
            want, got, now = walked(e, zone, at, 5), [], at - 1
            # the walk's first minute has no past, so what is asked begins a day later
            while True:
                now = ask(VIXIE, zone, now, e)
                if not isinstance(now, int) or now >= at + 5 * 86400:
                    break
                got.append(now)
            later = at + 86400
            check([t for t in got if t > later], [t for t in want if t > later], "%s in %s around %s" % (e, zone, start))


def ours():
    for e in ("", "*", "* * * *", "* * * * * * *", "*/61 * * * *", "* * * * 8", "* * 0 * *", "5-1 * * * *", "* * * * FRI-MON", "1,,2 * * * *",
              "1, * * * *", "*/ * * * *", "1-2-3 * * * *", "+1 * * * *", "1.5 * * * *", "0 0 * Janu *", "@never", "0 0 L-1 * *", "99999999999 * * * *"):
        check(ask(VIXIE, "UTC", 0, e), "invalid", "'%s' is refused" % e)
    for e, at, want in (("0 0 29 2 *", "2096-03-01", "2104-02-29"), ("0 0 L * *", "2026-02-01", "2026-02-28"), ("0 0 L 2 *", "2028-02-01", "2028-02-29"),
                        ("0 0 13 * 5", "2026-11-01", "2026-11-06"), ("0 0 */13 * 5", "2026-11-01", "2026-11-27"), ("0 0 * * 7", "2026-11-25", "2026-11-29")):
        check(ask(VIXIE, "UTC", instant(at, "UTC"), e), instant(want, "UTC"), "%s after %s" % (e, at))
    check(ask(VIXIE, "UTC", 0, "0 0 30 2 *"), "never", "30 February never comes")
    # a day that Samoa left out: what was due on it falls at its end
    check(ask(VIXIE, "Pacific/Apia", instant("2011-12-30T05:00:00", "UTC"), "0 12 30 12 *"), instant("2011-12-30T10:00:00", "UTC"), "the day that Samoa skipped")


if os.path.isdir(vectors):
    published()
else:
    print("# the published vectors are not there: skipped")
walks()
ours()
child.stdin.close()
print("1..%d" % count)
sys.exit(failed > 0)
