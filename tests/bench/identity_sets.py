"""Labelled sets for the matcher: rows as (number, fields..., truth), and the scores of clusters against the truth."""
import csv
import os
from collections import Counter, defaultdict

SHARED = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "identity"))


def read(path, **options):
    with open(f"{SHARED}/{path}", newline="", encoding="utf-8") as lines:
        return [{key.strip(): (value or "").strip().strip("'") for key, value in row.items() if key} for row in csv.DictReader(lines, **options)]


def historical_50k():
    rows = read("splink_historical_50k/historical_50k.csv")
    columns = ["first_name", "surname", "dob", "birth_place", "postcode_fake", "gender", "occupation"]
    return [([row[c] for c in columns], row["cluster"]) for row in rows], "{given,surname,date,text,postcode,sex,text}"


def fake_1000():
    rows = read("splink_fake_1000/fake_1000.csv")
    return [([row[c] for c in ("first_name", "surname", "dob", "city", "email")], row["cluster"]) for row in rows], "{given,surname,date,text,email}"


def febrl(*names):
    rows = [row for name in names for row in read(f"febrl/{name}.csv", skipinitialspace=True)]
    columns = ["given_name", "surname", "street_number", "address_1", "suburb", "postcode", "state", "date_of_birth", "soc_sec_id"]
    kinds = "{given,surname,code,text,text,postcode,class,date,code}"
    return [([row[c] for c in columns], row["rec_id"].split("-")[1]) for row in rows], kinds


def febrl3():
    return febrl("dataset3")


def febrl4():
    return febrl("dataset4a", "dataset4b")


def restaurants():
    rows = read("dedupe_restaurant/restaurant-nophone-training.csv", skipinitialspace=True)
    return [([row[c] for c in ("name", "address", "city", "cuisine")], row["unique_id"]) for row in rows], "{text,address,text,class}"


def fodors():
    fodor, zagat = read("fodors_zagats/fodors.csv"), read("fodors_zagats/zagats.csv")
    twins = {row["fodors_id"]: row["zagats_id"] for row in read("fodors_zagats/match_fodors_zagats_more_attrs.csv")}
    columns = ("name", "addr", "city", "phone", "type")
    rows = [([row[c] for c in columns], "z" + twins.get(row["id"], "f" + row["id"])) for row in fodor]
    return rows + [([row[c] for c in columns], "z" + row["id"]) for row in zagat], "{text,address,text,phone,class}"


def pairs(counts):
    return sum(n * (n - 1) // 2 for n in counts)


def score(truth, found):
    """Pairwise precision, recall, F1, B-cubed F1, and the largest cluster; lists of labels in the order of rows."""
    both = Counter(zip(truth, found))
    by_truth, by_found = Counter(truth), Counter(found)
    right, told, real = pairs(both.values()), pairs(by_found.values()), pairs(by_truth.values())
    precision, recall = right / told if told else 1.0, right / real if real else 1.0
    b_precision = sum(n * n / by_found[f] for (t, f), n in both.items()) / len(truth)
    b_recall = sum(n * n / by_truth[t] for (t, f), n in both.items()) / len(truth)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-12),
            "b3": 2 * b_precision * b_recall / max(b_precision + b_recall, 1e-12), "largest": max(by_found.values(), default=0)}


SETS = {f.__name__: f for f in (historical_50k, fake_1000, febrl3, febrl4, restaurants, fodors)}
