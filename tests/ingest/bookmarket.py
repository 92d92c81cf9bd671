"""A generated market and its WeCom book, with the faults that people and imports make; the truth beside each entry."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.ingest.domain.known.shops import Entry, Shop

ROADS = (
    "人民路",
    "长江路",
    "徽州大道",
    "中山路",
    "建设街",
    "解放路",
    "和平里",
    "学府路",
    "东风路",
    "滨湖",
    "新华",
    "站前",
)
WORDS = (
    "好又多",
    "便民",
    "顺发",
    "鑫源",
    "万家",
    "金叶",
    "福满",
    "百姓",
    "兴旺",
    "小张",
    "Happy",
    "老王",
    "星光",
    "同心",
)
FORMS = ("超市", "便利店", "烟酒店", "商店", "百货", "副食店")
COUNTIES = tuple(f"3401{number:02d}" for number in range(1, 31))


@dataclass(frozen=True, slots=True)
class Known:
    """An entry, the shop that it is (empty: one that the CRM does not have) and what was done to it."""

    entry: Entry
    shop: str
    fault: str


def market(shops: int, seed: int) -> tuple[list[Shop], list[Known]]:
    """Shops with crowded serial numbers and few names, and an entry of the book for nearly each."""
    chance = random.Random(seed)
    crm = [_shop(place, shops, chance) for place in range(shops)]
    gone = {shop.code for shop in chance.sample(crm, shops // 50)}
    listed = [Known(Entry(shop.name, shop.license_no), "" if shop.code in gone else shop.code, "") for shop in crm]
    book: list[Known] = []
    for known in listed:
        name = "closed" if not known.shop else chance.choices(list(FAULTS), [FAULTS[each][0] for each in FAULTS])[0]
        book.append(FAULTS[name][1](known, chance, listed) if known.shop else replace(known, fault=name))
        if name == "twice":
            book.append(replace(book[-1], entry=replace(book[-1].entry, name=f"{known.entry.name} ")))
    return [shop for shop in crm if shop.code not in gone], book


def _shop(place: int, shops: int, chance: random.Random) -> Shop:
    county = COUNTIES[place % len(COUNTIES)]
    # Serials lie as close as in a real county: every third number is somebody's.
    serial = place // len(COUNTIES) * 3 + chance.randrange(3)
    number = f"{county}{chance.choice('1112')}{serial:05d}"
    name = chance.choice(ROADS) + chance.choice(WORDS) + (chance.choice(WORDS) if chance.random() < 0.5 else "")
    return Shop(f"R{place:06d}", number, name + chance.choice(FORMS), county)


Fault = Callable[[Known, random.Random, list[Known]], Known]


def _number(change: Callable[[str, random.Random], str]) -> Fault:
    def apply(known: Known, chance: random.Random, others: list[Known]) -> Known:
        return replace(known, entry=replace(known.entry, custom_id=change(known.entry.custom_id, chance)))

    return apply


def _name(change: Callable[[str, random.Random], str]) -> Fault:
    def apply(known: Known, chance: random.Random, others: list[Known]) -> Known:
        return replace(known, entry=replace(known.entry, name=change(known.entry.name, chance)))

    return apply


def _swapped(text: str, chance: random.Random) -> str:
    place = chance.choice([place for place in range(6, 11) if text[place] != text[place + 1]] or [6])
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _mistyped(text: str, chance: random.Random) -> str:
    place = chance.randrange(7, 12)
    return text[:place] + str((int(text[place]) + chance.randrange(1, 10)) % 10) + text[place + 1 :]


def _lookalike(text: str, chance: random.Random) -> str:
    return text.translate(str.maketrans(chance.choice([{"0": "O"}, {"1": "l"}, {"0": "o", "1": "I"}])))


def _full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in text)


def _copied(known: Known, chance: random.Random, others: list[Known]) -> Known:
    return replace(known, entry=replace(known.entry, custom_id=chance.choice(others).entry.custom_id))


def _named_fault(name: str, share: float, change: Fault) -> tuple[float, Fault]:
    return share, lambda known, chance, others: replace(change(known, chance, others), fault=name)


_GIVEN: dict[str, tuple[float, Fault]] = {
    "none": (900, _number(lambda text, _: text)),
    "width": (20, _number(lambda text, _: _full_width(text))),
    "blanks": (15, _number(lambda text, _: f" {text[:6]} {text[6:]}　")),
    "label": (5, _number(lambda text, _: f"许可证号:{text}")),
    "lookalike": (10, _number(_lookalike)),
    "swapped": (4, _number(_swapped)),
    "mistyped": (4, _number(_mistyped)),
    "missing": (8, _number(lambda _, __: "")),
    "cut": (4, _number(lambda text, _: text[:10])),
    "copied": (2, _copied),
    "renamed": (10, _name(lambda _, chance: chance.choice(WORDS) + "新店")),
    "written": (14, _name(lambda text, _: f"{text}（总店）".replace("（总店）", " ").upper())),
    "twice": (4, _number(lambda text, _: text)),
}
FAULTS = {name: _named_fault(name, *given) for name, given in _GIVEN.items()}
