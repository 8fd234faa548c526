"""A generated chain's member records for the matcher: what each system tells of somebody, and who it was.

Fields are those that the product compares of its own records (name, birthday, sex, address, phone; the chain has no e-mail
addresses), read by the manifest's mapping as an import would.
"""
import csv
import json
import os
import subprocess

FIELDS = ("name", "birthday", "sex", "address", "phone")
KINDS = "{name,date,sex,address,phone}"
KEPT = ("manifest.json", "truth.csv", "persons.csv")


def make(generator, folder, persons, seed):
    """The chain's member files; orders and the rest are deleted, for they are most of its gigabytes."""
    if os.path.exists(f"{folder}/manifest.json"):
        return
    os.makedirs(folder, exist_ok=True)
    subprocess.run([generator, "--out", folder, "--persons", str(persons), "--seed", str(seed), "--until", "2026-06-30"], check=True, stdout=subprocess.DEVNULL)
    with open(f"{folder}/manifest.json", encoding="utf-8") as manifest:
        kept = {f["file"] for f in json.load(manifest)["files"] if f["entity"] == "member"} | set(KEPT)
    for name in set(os.listdir(folder)) - kept:
        os.remove(f"{folder}/{name}")


def told(folder, file):
    with open(f"{folder}/{file['file']}", encoding="gbk" if file["encoding"] == "gbk" else "utf-8", newline="") as lines:
        rows = csv.DictReader(lines) if file["format"] == "csv" else map(json.loads, lines)
        for row in rows:
            yield [row.get(file["mapping"].get(field, ""), "") or "" for field in ("external_id", *FIELDS)]


def write(folder, path):
    """All records as (number, fields..., person) in a CSV file; how many."""
    with open(f"{folder}/truth.csv", encoding="utf-8", newline="") as lines:
        truth = {(row["source"], row["external_id"]): row["person"] for row in csv.DictReader(lines)}
    with open(f"{folder}/manifest.json", encoding="utf-8") as manifest:
        files = [f for f in json.load(manifest)["files"] if f["entity"] == "member"]
    seen, number = set(), 0
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for file in files:
            for external_id, *fields in told(folder, file):
                person = truth.get((file["source"], external_id))
                if person is None or (file["source"], external_id) in seen:
                    continue                    # sent twice
                seen.add((file["source"], external_id))
                number += 1
                writer.writerow([number, *fields, person])
    return number
