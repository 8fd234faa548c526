"""Chinese sets of people who share: families of one number, twins, fathers and sons of one name, platforms' masked exports, branches.

As in identity_odd.py; names of one home differ, so that every two persons can be told apart by something that somebody tells.
"""
from random import Random

from identity_odd import GIVENS, SOUNDS, birthday, chinese

FIELDS = {"name": "name", "phone": "phone", "birthday": "date", "sex": "sex", "address": "address", "email": "email"}
TRADITIONAL = str.maketrans("伟强军杰刚辉张刘陈杨黄赵吴孙马罗", "偉強軍傑剛輝張劉陳楊黃趙吳孫馬羅")


def other_digit(draw, phone):
    at = draw.randrange(3, len(phone))
    return phone[:at] + draw.choice([digit for digit in "0123456789" if digit != phone[at]]) + phone[at + 1:]


def written(draw, phone):
    return draw.choice([phone, phone, "+86" + phone, f"{phone[:3]}-{phone[3:7]}-{phone[7:]}", f"{phone[:3]} {phone[3:7]} {phone[7:]}"])


def told(draw, person, rate=0.15, missing=0.1, mask=0.0, title=0.0):
    """A record of a person: sounds and scripts of names, digits of numbers, wrong days, what is left out, masks and titles."""
    record, chance = dict(person), draw.random()
    if chance < rate * 0.5:
        record["name"] = "".join(SOUNDS.get(c, c) for c in person["name"])
    elif chance < rate * 0.7:
        record["name"] = person["name"].translate(TRADITIONAL)
    if draw.random() < mask:
        record["name"] = person["name"][0] + draw.choice(["*", "**", "某"])
    elif draw.random() < title:
        record["name"] = person["name"][0] + ("先生" if person["sex"] == "男" else "女士")
    record["phone"] = other_digit(draw, person["phone"]) if draw.random() < rate * 0.5 else written(draw, person["phone"])
    if draw.random() < rate * 0.5:
        record["birthday"] = draw.choice([person["birthday"][:4] + "-01-01", birthday(draw)])
    if draw.random() < 0.5:
        record["address"] = person["address"].replace("上海市", "")
    for field in record:
        if field != "name" and draw.random() < missing:
            record[field] = ""
    return record


def given(draw):
    return "".join(draw.choices(GIVENS, k=draw.choice([1, 2, 2, 2])))


def family(draw):
    """A man, mostly his wife, up to three children of his surname; one number, one home, no name twice."""
    father = dict(chinese(draw), sex="男")
    home = {"phone": father["phone"], "address": father["address"]}
    members = {father["name"]: father}
    if draw.random() < 0.8:
        wife = dict(chinese(draw), sex="女", **home)
        members.setdefault(wife["name"], wife)
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        child = dict(chinese(draw), birthday=birthday(draw, 1985, 2015), **home, name=father["name"][0] + given(draw))
        members.setdefault(child["name"], child)
    return list(members.values())


def single(draw):
    return [chinese(draw)]


def twins(draw):
    first = chinese(draw)
    second = first["name"][:-1] + draw.choice([c for c in GIVENS if c != first["name"][-1] and SOUNDS.get(c) != first["name"][-1] and SOUNDS.get(first["name"][-1]) != c])
    return [first, dict(first, name=second)] if draw.random() < 0.6 else [first]


def juniors(draw):
    father = dict(chinese(draw), birthday=birthday(draw, 1945, 1970))
    return [father, dict(father, birthday=birthday(draw, 1975, 2000))] if draw.random() < 0.5 else [father]


def handover(draw):
    """Whoever comes after one who left has his number, mailbox and desk."""
    first = dict(chinese(draw), email=f"sales{draw.randrange(10 ** 5)}@corp.cn")
    return [first, dict(chinese(draw), phone=first["phone"], address=first["address"], email=first["email"])] if draw.random() < 0.35 else [first]


def mixed(draw):
    return single(draw) if draw.random() < 0.6 else family(draw)


def shared(of, count, fields, **errors):
    """So many homes, each member told once to thrice, the fields named."""
    def make(draw):
        rows, number = [], 0
        for _ in range(count):
            for person in of(draw):
                for _ in range(draw.choice([1, 1, 2, 2, 3])):
                    record = told(draw, person, **errors)
                    rows.append(([record[field] for field in fields], str(number)))
                number += 1
        draw.shuffle(rows)
        return rows, "{" + ",".join(FIELDS[field] for field in fields) + "}"
    return make


def export(count, fields):
    """A platform's rows beside the till's: surnames, numbers and homes behind stars."""
    def make(draw):
        rows, number = [], 0
        for _ in range(count):
            for person in mixed(draw):
                for copy in range(draw.choice([1, 1, 2, 2, 3])):
                    record = told(draw, person, rate=0.1)
                    if copy or draw.random() < 0.3:
                        record["name"] = person["name"][0] + draw.choice(["**", "*" + person["name"][-1]])
                        record["phone"] = record["phone"] and person["phone"][:3] + "****" + person["phone"][7:]
                        record["address"] = record["address"] and draw.choice([record["address"], person["address"].split("号")[0] + "号***"])
                    rows.append(([record[field] for field in fields], str(number)))
                number += 1
        draw.shuffle(rows)
        return rows, "{" + ",".join(FIELDS[field] for field in fields) + "}"
    return make


def branches(draw):
    """Companies with branches elsewhere that share the name and often the switchboard; the address is often left out."""
    rows, number = [], 0
    for _ in range(220):
        city, word, trade = draw.choice(["上海", "北京", "杭州", "成都"]), "".join(draw.sample(GIVENS, 2)), draw.choice(["食品", "贸易", "健康科技", "商贸"])
        switchboard = f"021-6{draw.randrange(10 ** 7):07d}"
        for branch in ["", *draw.sample(["浦东分公司", "虹口分公司", "高新分公司"], draw.choice([0, 0, 1, 2, 3]))]:
            home = chinese(draw)["address"]
            for copy in range(draw.choice([1, 1, 2, 3])):
                name = draw.choice([f"{city}{word}{trade}有限公司{branch}", f"{city}市{word}{trade}有限公司{branch}", f"{word}{trade}({city})有限公司{branch}"]) if copy else f"{city}{word}{trade}有限公司{branch}"
                rows.append(([name, switchboard if draw.random() < 0.7 else "", home if not copy or draw.random() < 0.6 else ""], str(number)))
            number += 1
    draw.shuffle(rows)
    return rows, "{text,phone,address}"


ALL = ["name", "birthday", "phone", "address"]
SETS = {
    "families: name, phone": shared(family, 300, ["name", "phone"]),
    "families, masks and titles: name, phone": shared(family, 300, ["name", "phone"], mask=0.3, title=0.2),
    "families: all": shared(family, 300, ["name", "phone", "birthday", "sex", "address"], missing=0.25),
    "families: phone, birthday": shared(family, 300, ["phone", "birthday"]),
    "families: phone, address": shared(family, 150, ["phone", "address"]),
    "twins": shared(twins, 300, ALL),
    "twins, masks": shared(twins, 300, ["name", "birthday", "phone"], mask=0.3),
    "twins, forty homes": shared(twins, 40, ALL),
    "fathers and sons of one name, birthdays missing": shared(juniors, 300, ALL, missing=0.3),
    "fathers and sons of one name, no number": shared(juniors, 300, ["name", "birthday", "address"], missing=0.4),
    "a successor's number": shared(handover, 400, ["name", "phone", "email", "address"], missing=0.2, title=0.2),
    "masked exports: name, phone, address": export(300, ["name", "phone", "address"]),
    "masked exports, sixty homes": export(60, ["name", "phone", "birthday"]),
    "tiny, masks: name, phone, address": shared(mixed, 60, ["name", "phone", "address"], mask=0.4),
    "tiny: name, birthday": shared(mixed, 50, ["name", "birthday"], missing=0.2),
    "tiny: name, phone, birthday": shared(mixed, 30, ["name", "phone", "birthday"], missing=0.3),
    "branches": branches,
}


def make(name, seed):
    return SETS[name](Random(f"{name} {seed}"))
