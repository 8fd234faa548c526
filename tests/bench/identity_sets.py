"""Labelled sets for the matcher: rows as (number, fields..., truth), and the scores of clusters against the truth."""
import csv
import os
import random
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


def chinese(persons=4000, seed=5):
    """Generated: common surnames by their shares, namesakes, homophones, masks, lunar and missing birthdays, moved homes."""
    draw = random.Random(seed)
    surnames = draw.choices("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗", weights=[75, 74, 70, 54, 45, 31, 22, 21, 20, 19, 17, 15, 13, 12, 12, 11, 11, 10, 10, 9], k=persons)
    givens, sounds = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建文辉力鑫宇浩然欣怡梓涵", {"伟": "玮", "芳": "方", "静": "婧", "丽": "莉", "杰": "洁", "欣": "新", "怡": "宜", "涵": "晗", "明": "铭", "英": "瑛"}
    roads, rows = ["南京西路", "天钥桥路", "虹桥路", "淮海中路", "四川北路", "人民路", "漕溪北路", "中山公园路"], []
    for person in range(persons):
        name = surnames[person] + "".join(draw.choices(givens, k=draw.choice([1, 2, 2, 2])))
        phone = "1" + draw.choice(["38", "39", "86", "77"]) + f"{draw.randrange(10 ** 8):08d}"
        born = f"{draw.randrange(1950, 2006)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
        home = f"上海市徐汇区{draw.choice(roads)}{draw.randrange(1, 300)}号{draw.randrange(1, 30)}幢{draw.randrange(1, 7)}0{draw.randrange(1, 5)}室"
        sex = draw.choice(["男", "女"])
        for copy in range(draw.choice([1, 1, 1, 2, 2, 3])):
            fields = [name, phone, born, home, sex]
            if copy:
                told = draw.random()
                fields[0] = name[0] + "**" if told < 0.1 else "".join(sounds.get(c, c) for c in name) if told < 0.2 else name + draw.choice(["先生", "女士"]) if told < 0.3 else name
                if draw.random() < 0.35:
                    fields[1] = "" if draw.random() < 0.6 else phone[:7] + str(draw.randrange(10)) + phone[8:]
                if draw.random() < 0.3:
                    fields[2] = draw.choice(["", "1900-01-01", born[:5] + born[8:] + born[4:7]])
                fields[3] = "" if draw.random() < 0.3 else home.replace("上海市", "") if draw.random() < 0.5 else home
            rows.append((fields, str(person)))
    return rows, "{name,phone,birthday,address,sex}"


def tiny():
    """The same, sixty persons and two fields: little to learn from."""
    rows, _ = chinese(60, 9)
    return [(fields[:2], label) for fields, label in rows], "{name,phone}"


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


SETS = {f.__name__: f for f in (historical_50k, fake_1000, febrl3, febrl4, restaurants, fodors, chinese, tiny)}
