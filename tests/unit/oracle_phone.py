#!/usr/bin/python3
"""Differential check of normalize_phone.c against libphonenumber.

Reads nothing, prints TAP.  Needs Debian's python3-phonenumbers; skipped when it is missing.
The program build/unit/phone_lines.t answers one number a line.
Promise checked: every Chinese number that libphonenumber calls valid, we accept with the
same E.164 form and the same kind; every foreign number it calls valid, we accept as it is.
"""
import random
import subprocess
import sys

try:
    import phonenumbers
    from phonenumbers import PhoneNumberType as T
except ImportError:
    print("1..0 # SKIP python3-phonenumbers is not installed")
    sys.exit(0)

random.seed(7)


def chinese():
    for _ in range(6000):
        yield "1" + "".join(random.choice("0123456789") for _ in range(10))
    for area in list(range(10, 30)) + list(range(300, 1000)):
        for size in (7, 8):
            yield "0%d%s" % (area, random.choice("2345678") +
                             "".join(random.choice("0123456789") for _ in range(size - 1)))
    for head in ("400", "800"):
        for _ in range(200):
            yield head + "".join(random.choice("0123456789") for _ in range(7))


def foreign():
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        if region == "CN":
            continue
        for kind in (T.MOBILE, T.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                yield phonenumbers.format_number(
                    example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def ask(lines):
    out = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


KINDS = {T.MOBILE: ("mobile", "virtual_operator"), T.FIXED_LINE: ("landline",),
         T.SHARED_COST: ("shared_cost",), T.TOLL_FREE: ("toll_free",)}
failures = checked = 0
numbers = list(chinese()) + list(foreign())
for number, (e164, kind) in zip(numbers, ask(numbers)):
    try:
        parsed = phonenumbers.parse(number, "CN")
    except phonenumbers.NumberParseException:
        continue
    if not phonenumbers.is_valid_number(parsed):
        continue
    checked += 1
    want = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    kinds = KINDS.get(phonenumbers.number_type(parsed)) if parsed.country_code == 86 else None
    if e164 != want or (kinds and kind not in kinds + ("placeholder",)):
        failures += 1
        print("# %s: got %s %s, libphonenumber has %s" % (number, e164, kind, want))
print("%sok 1 - agrees with libphonenumber (%d valid numbers)"
      % ("not " if failures or checked < 4000 else "", checked))
print("1..1")
sys.exit(1 if failures or checked < 4000 else 0)
