"""Sets that a matcher stumbles over, made by seed: tiny ones, empty ones, namesakes, families, twins, nobody twice.

Each maker takes a random.Random and returns rows as (fields, truth) and kinds.  Truth is what the maker knows, also where the
fields cannot tell it: a recall of one is not to be had everywhere, a precision of the automatic cut is.
"""
from random import Random

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤"
GIVENS = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建文辉力鑫宇浩然欣怡梓涵志国海燕雪梅晓东春林佳琪思远子轩博雅诗婷美玲俊峰立新永康德福成龙家豪嘉懿"
SOUNDS = {"伟": "玮", "芳": "方", "静": "婧", "丽": "莉", "杰": "洁", "欣": "新", "怡": "宜", "涵": "晗", "明": "铭", "英": "瑛", "玲": "铃", "峰": "锋", "佳": "嘉"}
PINYIN = dict(zip("王李张刘陈伟芳娜敏静丽强磊军洋勇艳杰娟涛明", "wang li zhang liu chen wei fang na min jing li qiang lei jun yang yong yan jie juan tao ming".split()))
HEADS, MIDDLES, ENDS = "b br c ch d f g gr h j k l m n p r s st t th v w".split(), "a e i o u ai ea ee".split(), "n r s l nd rt tt ck y ie son ton ley er".split()
ROADS = ["南京西路", "天钥桥路", "虹桥路", "淮海中路", "四川北路", "人民路", "漕溪北路", "中山路", "建国东路", "解放路", "长江路", "和平路"]


def word(draw, syllables):
    return ("".join(draw.choice(HEADS) + draw.choice(MIDDLES) for _ in range(syllables)) + draw.choice(ENDS)).capitalize()


class Words:
    """Forenames, surnames, streets and towns with the skew that real ones have."""

    def __init__(self, draw):
        self.draw = draw
        self.given = [word(draw, draw.choice([1, 2])) for _ in range(400)]
        self.family = [word(draw, draw.choice([1, 2])) for _ in range(2000)]
        self.street = [word(draw, 2) + draw.choice([" Street", " Road", " Lane"]) for _ in range(1500)]
        self.town = [word(draw, 2) for _ in range(200)]

    def of(self, words):
        return words[min(len(words) - 1, int(len(words) ** self.draw.random()) - 1)]

    def person(self):
        draw = self.draw
        given, family = self.of(self.given), self.of(self.family)
        return {"given": given, "surname": family, "birthday": birthday(draw), "street": f"{draw.randrange(1, 200)} {self.of(self.street)}", "town": self.of(self.town),
                "phone": f"07{draw.randrange(10 ** 9):09d}", "email": f"{given}.{family}{draw.randrange(100)}@{draw.choice(['gmail.com', 'mail.com', 'web.de'])}".lower(),
                "postcode": f"{draw.randrange(2000, 7999)}", "number": f"{draw.randrange(10 ** 7):07d}"}


def birthday(draw, first=1940, last=2006):
    return f"{draw.randrange(first, last)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"


def chinese(draw, surnames=SURNAMES, givens=GIVENS):
    """Common surnames first, by a falling share."""
    surname = surnames[min(len(surnames) - 1, int(draw.expovariate(4.0 / len(surnames))))]
    return {"name": surname + "".join(draw.choices(givens, k=draw.choice([1, 2, 2, 2]))), "birthday": birthday(draw, 1950), "sex": draw.choice("男女"),
            "phone": "1" + draw.choice(["38", "39", "86", "77"]) + f"{draw.randrange(10 ** 8):08d}",
            "address": f"上海市徐汇区{draw.choice(ROADS)}{draw.randrange(1, 400)}号{draw.randrange(1, 30)}幢{draw.randrange(1, 20)}0{draw.randrange(1, 5)}室"}


def typo(draw, text):
    if len(text) < 3:
        return text
    at, letter = draw.randrange(1, len(text)), draw.choice("abcdefghijklmnopqrstuvwxyz" if not text[-1].isdigit() else "0123456789")
    return draw.choice([text[:at] + text[at + 1:], text[:at] + letter + text[at:], text[:at] + letter + text[at + 1:],
                        text[:at - 1] + text[at] + text[at - 1] + text[at + 1:]])


def retold(draw, person, rate=0.2, missing=0.1):
    """A second record of a person: typing errors, homophones, what is left out."""
    told = {}
    for field, value in person.items():
        if draw.random() < missing:
            told[field] = ""
        elif draw.random() >= rate:
            told[field] = value
        elif field == "name":
            told[field] = draw.choice(["".join(SOUNDS.get(c, c) for c in value), value[0] + "**", value + draw.choice(["先生", "女士"])])
        elif field == "birthday":
            told[field] = value[:5] + value[8:] + value[4:7] if value[8:] <= "12" else value[:-1] + draw.choice("0123456789")
        elif field == "address":
            told[field] = value.replace("上海市", "").replace("徐汇区", "")
        else:
            told[field] = value if field == "sex" else typo(draw, value)
    return told


def copies(draw, persons, counts, fields, **errors):
    """Each person as many times as drawn of counts, the fields named, in any order."""
    rows = []
    for number, person in enumerate(persons):
        for copy in range(draw.choice(counts)):
            told = retold(draw, person, **errors) if copy else person
            rows.append(([told[field] for field in fields], str(number)))
    draw.shuffle(rows)
    return rows


def short(count, fields, kinds, of=chinese, counts=(1, 1, 1, 2, 2, 3)):
    return lambda draw: (copies(draw, [of(draw) for _ in range(count)], counts, fields), kinds)


def latin(count, counts, fields, kinds, **errors):
    def make(draw):
        words = Words(draw)
        return copies(draw, [words.person() for _ in range(count)], counts, fields, **errors), kinds
    return make


def febrl(count, most, duplicates):
    """As the sets of that name: originals, and duplicates that fall on some of them."""
    def make(draw):
        words = Words(draw)
        persons = [words.person() for _ in range(count)]
        fields = ["given", "surname", "street", "town", "postcode", "birthday", "number"]
        times, left = [0] * count, duplicates
        while left:
            number = draw.randrange(count)
            add = min(draw.randint(1, most), most - times[number], left)
            times[number] += add
            left -= add
        rows = [([person[f] for f in fields], str(n)) for n, person in enumerate(persons)]
        for number, person in enumerate(persons):
            rows += [([told[f] for f in fields], str(number)) for told in (retold(draw, person, 0.25, 0.08) for _ in range(times[number]))]
        draw.shuffle(rows)
        return rows, "{given,surname,text,text,postcode,date,code}"
    return make


def constant(draw):
    rows, _ = latin(500, (1, 1, 2), ["given", "surname", "birthday"], "")(draw)
    return [(fields + ["Springfield", "f"], label) for fields, label in rows], "{given,surname,date,text,sex}"


def equal(draw):
    person = chinese(draw)
    return [([person[f] for f in ("name", "phone", "birthday")], "0") for _ in range(30)], "{name,phone,date}"


def families(draw):
    """Twins, and fathers and sons of one name, at one address and phone; a third of everybody is told twice."""
    rows, number = [], 0
    for _ in range(400):
        first = chinese(draw)
        second = dict(first)
        if draw.random() < 0.5:
            while second["name"] == first["name"]:
                second["name"] = first["name"][:-1] + draw.choice(GIVENS)
        else:
            second["birthday"] = f"{int(first['birthday'][:4]) - draw.randrange(20, 40)}{birthday(draw)[4:]}"
        for person in (first, second):
            for copy in range(draw.choice([1, 1, 2])):
                told = retold(draw, person, 0.1, 0.05) if copy else person
                rows.append(([told[f] for f in ("name", "birthday", "phone", "address")], str(number)))
            number += 1
    draw.shuffle(rows)
    return rows, "{name,date,phone,address}"


def juniors(draw):
    """Fathers and sons of one name at one address, the birthday often missing."""
    words, rows = Words(draw), []
    for house in range(400):
        father = words.person()
        son = dict(father, birthday=f"{int(father['birthday'][:4]) + 25}{birthday(draw)[4:]}", email=words.person()["email"])
        for number, person in enumerate((father, son) if draw.random() < 0.3 else (father,)):
            for copy in range(draw.choice([1, 1, 2])):
                told = retold(draw, person, 0.15, 0.1) if copy else person
                rows.append(([told[f] for f in ("given", "surname", "birthday", "street", "email")], f"{house}.{number}"))
    draw.shuffle(rows)
    return rows, "{given,surname,date,text,email}"


def doors(draw):
    """Namesakes behind another door of one building; what is told again leaves out the door, or the given name."""
    rows, number = [], 0
    for _ in range(350):
        first = chinese(draw)
        first["address"] = first["address"].replace("幢", f"幢{draw.randrange(1, 4)}单元")
        second = dict(first, address=first["address"].replace("1单元", "2单元").replace("3单元", "1单元") if "2单元" not in first["address"] else first["address"].replace("2单元", "3单元"))
        for person in (first, second) if draw.random() < 0.3 else (first,):
            for copy in range(draw.choice([1, 1, 2, 2, 3])):
                told = retold(draw, person, 0.15, 0.05) if copy else dict(person)
                if copy and person is first and draw.random() < 0.3:
                    told["address"] = told["address"].replace("1单元", "").replace("2单元", "").replace("3单元", "")
                elif copy and draw.random() < 0.2:
                    told["name"] = person["name"][0] + "**"
                rows.append(([told[f] for f in ("name", "address", "sex")], str(number)))
            number += 1
    draw.shuffle(rows)
    return rows, "{name,address,sex}"


def silent(draw):
    """Households of one number and one address in which nearly half of the birthdays are missing."""
    rows, number = [], 0
    for _ in range(350):
        first = chinese(draw)
        others = [dict(chinese(draw), phone=first["phone"], address=first["address"]) for _ in range(draw.choice([0, 1, 1, 2]))]
        for person in (first, *others):
            if person is not first and draw.random() < 0.7:
                person["name"] = first["name"][0] + person["name"][1:]
            for copy in range(draw.choice([1, 1, 2, 2, 3])):
                told = retold(draw, person, 0.15, 0.05) if copy else dict(person)
                if draw.random() < 0.4:
                    told["birthday"] = ""
                rows.append(([told[f] for f in ("name", "phone", "birthday", "sex", "address")], str(number)))
            number += 1
    draw.shuffle(rows)
    return rows, "{name,phone,date,sex,address}"


def swapped(draw):
    rows, kinds = latin(600, (1, 1, 2, 2, 3), ["given", "surname", "birthday", "town"], "{given,surname,date,text}")(draw)
    for fields, _ in rows:
        if draw.random() < 0.25:
            fields[0], fields[1] = fields[1], fields[0]
    return rows, kinds


def romanised(draw):
    surnames, givens = "王李张刘陈", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明"
    rows = copies(draw, [chinese(draw, surnames, givens) for _ in range(800)], (1, 1, 2, 2, 3), ["name", "birthday", "phone"], rate=0.1)
    for fields, _ in rows:
        if draw.random() < 0.3 and all(c in PINYIN for c in fields[0]) and fields[0]:
            given = "".join(PINYIN[c] for c in fields[0][1:])
            fields[0] = f"{given} {PINYIN[fields[0][0]]}" if draw.random() < 0.5 else f"{PINYIN[fields[0][0]]} {given}"
    return rows, "{name,date,phone}"


def namesakes(fields, kinds, count=1500):
    """Five surnames, sixteen characters: most names are held by several."""
    return lambda draw: (copies(draw, [chinese(draw, "王李张刘陈", GIVENS[:16]) for _ in range(count)], (1, 1, 1, 2, 3), fields, rate=0.1), kinds)


def sparse(draw):
    rows, kinds = short(800, ["name", "birthday", "phone", "address", "sex"], "{name,date,phone,address,sex}")(draw)
    return [([value if draw.random() < 0.35 else "" for value in fields], label) for fields, label in rows], kinds


FULL, FULL_KINDS = ["given", "surname", "birthday", "street", "town", "email"], "{given,surname,date,text,text,email}"
SETS = {
    "tiny: name, birthday, 12 persons": short(12, ["name", "birthday"], "{name,date}"),
    "tiny: name, birthday, 60": short(60, ["name", "birthday"], "{name,date}"),
    "tiny: name, phone, 12": short(12, ["name", "phone"], "{name,phone}"),
    "tiny: name, phone, 110": short(110, ["name", "phone"], "{name,phone}"),
    "tiny: e-mail alone, 60": latin(60, (1, 1, 2), ["email"], "{email}"),
    "tiny: name alone, 100": short(100, ["name"], "{name}"),
    "tiny: forename, surname, birthday, 60": latin(60, (1, 1, 2), ["given", "surname", "birthday"], "{given,surname,date}"),
    "tiny: six fields, 40": latin(40, (1, 1, 2), FULL, FULL_KINDS),
    "tiny: nobody twice, 60": latin(60, (1,), FULL, FULL_KINDS),
    "tiny: nobody twice, name and birthday, 100": short(100, ["name", "birthday"], "{name,date}", counts=(1,)),
    "tiny: everybody twice, 50": latin(50, (2,), FULL, FULL_KINDS),
    "nobody twice, six fields, 3000": latin(3000, (1,), FULL, FULL_KINDS),
    "nobody twice, forename, surname, birthday, 3000": latin(3000, (1,), ["given", "surname", "birthday"], "{given,surname,date}"),
    "nobody twice, Chinese, 3000": short(3000, ["name", "birthday", "phone", "address", "sex"], "{name,date,phone,address,sex}", counts=(1,)),
    "nobody twice, Chinese namesakes, name and birthday": lambda draw: (copies(draw, [chinese(draw, "王李张刘陈", GIVENS[:16]) for _ in range(1500)], (1,), ["name", "birthday"]), "{name,date}"),
    "all equal, 30": equal,
    "two fields constant": constant,
    "mostly missing": sparse,
    "twins, fathers and sons": families,
    "juniors": juniors,
    "households, birthdays missing": silent,
    "namesakes next door": doors,
    "clusters of 10 to 30": latin(60, tuple(range(10, 31)), FULL, FULL_KINDS),
    "clusters of 10 to 50, four fields": latin(40, tuple(range(10, 51)), FULL[:4], "{given,surname,date,text}"),
    "swapped columns": swapped,
    "romanised": romanised,
    "namesakes: name, birthday": namesakes(["name", "birthday"], "{name,date}"),
    "namesakes: name, birthday, sex, phone": namesakes(["name", "birthday", "sex", "phone"], "{name,date,sex,phone}"),
    "1000 rows, 500 of them duplicates": febrl(500, 1, 500),
    "5000 rows, 1000 of them duplicates, up to 5": febrl(4000, 5, 1000),
    "3000 rows, three fields": latin(1800, (1, 1, 1, 2, 3), ["given", "surname", "birthday"], "{given,surname,date}"),
    "heavy errors": latin(1500, (1, 1, 2, 3), FULL, FULL_KINDS, rate=0.5, missing=0.2),
}


def make(name, seed):
    return SETS[name](Random(f"{name} {seed}"))
