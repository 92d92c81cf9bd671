"""Which shop an entry of the WeCom book is: by its licence number, a damaged one, or its name within the county.

exact licence ─▶ mended licence (width, O for 0, l for 1) ─▶ name, where the licence is missing or one slip away
     └ another shop of the county has the entry's name, or several claim one shop: a person decides
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LICENCE = re.compile(r"[1-6]\d{5}[12]\d{5}")
MAX_CANDIDATES = 5
LEAST_NAME = 2
_LOOKALIKES = str.maketrans({"o": "0", "O": "0", "〇": "0", "零": "0", "l": "1", "I": "1", "i": "1", "|": "1"})
_NOT_DIGITS = re.compile(r"[^0-9]")
_LABEL = re.compile(r"^(?:[^0-9oOlI|]*[^0-9oOlI|\s])?[\s:：.]*")
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop as the CRM knows it."""

    code: str
    license_no: str
    name: str
    adcode: str

    @property
    def county(self) -> str:
        return self.license_no[:6] if LICENCE.fullmatch(self.license_no) else self.adcode


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the book. `county` is the region of its group, where that is configured."""

    name: str
    custom_id: str
    county: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The shop of an entry and what told it; without one, the shops that it may be."""

    code: str = ""
    by: str = ""
    candidates: tuple[str, ...] = ()


def licence_of(text: str) -> tuple[str, bool]:
    """The licence number in a text, and whether it had to be mended; empty when there is none."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    if LICENCE.fullmatch(plain):
        return plain, plain != text
    read = _NOT_DIGITS.sub("", _LABEL.sub("", plain).translate(_LOOKALIKES))
    return (read, True) if LICENCE.fullmatch(read) else ("", False)


def plain_name(name: str) -> str:
    """A name without what people write in different ways: width, case, blanks, brackets and marks."""
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", name).casefold())


class Shops:
    """The shops of the CRM, to be found by licence and by name."""

    def __init__(self, shops: Iterable[Shop]) -> None:
        self._by_licence: dict[str, list[Shop]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Shop]] = defaultdict(list)
        self._names: dict[str, str] = {}
        for shop in shops:
            name = self._names[shop.code] = plain_name(shop.name)
            if shop.license_no:
                self._by_licence[shop.license_no].append(shop)
            if len(name) >= LEAST_NAME:
                self._by_name[shop.county, name].append(shop)

    def join(self, entries: Sequence[Entry]) -> list[Match]:
        """The shop of each entry. Of several that claim one shop only those with its name have it."""
        matches = [self._match(entry) for entry in entries]
        claims: dict[str, list[int]] = defaultdict(list)
        for place, match in enumerate(matches):
            if match.code:
                claims[match.code].append(place)
        for code, places in claims.items():
            if len(places) > 1:
                for place in places:
                    if plain_name(entries[place].name) != self._names[code]:
                        matches[place] = Match(candidates=(code,))
        return matches

    def _match(self, entry: Entry) -> Match:
        licence, mended = licence_of(entry.custom_id)
        owners = self._by_licence.get(licence, []) if licence else []
        named = self._named(entry, licence)
        if len(owners) == 1:
            return self._by_number(owners[0], named, "licence_mended" if mended else "licence")
        if owners:
            both = [shop for shop in owners if shop in named]
            return Match(both[0].code, "licence") if len(both) == 1 else _open(owners)
        if len(named) == 1 and (not licence or _is_slip(licence, named[0].license_no)):
            return Match(named[0].code, "name")
        return _open([*named, *self._slips(licence)])

    def _by_number(self, owner: Shop, named: list[Shop], by: str) -> Match:
        """A shop may have a new name, but not the name of another shop of its county: then the number may be a slip."""
        others = [shop for shop in named if shop.code != owner.code]
        return _open([owner, *others]) if named and owner not in named else Match(owner.code, by)

    def _named(self, entry: Entry, licence: str) -> list[Shop]:
        county = licence[:6] or entry.county or _county_in(entry.custom_id)
        return self._by_name.get((county, plain_name(entry.name)), []) if county else []

    def _slips(self, licence: str) -> list[Shop]:
        """Shops whose licence becomes this one when two neighbouring digits change places."""
        swapped = {
            licence[:place] + licence[place + 1] + licence[place] + licence[place + 2 :]
            for place in range(max(0, len(licence) - 1))
        }
        return [shop for number in sorted(swapped - {licence}) for shop in self._by_licence.get(number, ())]


def _open(shops: Sequence[Shop]) -> Match:
    return Match(candidates=tuple(dict.fromkeys(shop.code for shop in shops))[:MAX_CANDIDATES])


def _county_in(custom_id: str) -> str:
    """The county that a damaged number begins with."""
    read = _NOT_DIGITS.sub("", _LABEL.sub("", unicodedata.normalize("NFKC", custom_id)).translate(_LOOKALIKES))
    return read[:6] if len(read) >= 9 else ""


def _is_slip(one: str, other: str) -> bool:
    """One digit is another, or two neighbours changed places."""
    if len(one) != len(other):
        return False
    wrong = [place for place in range(len(one)) if one[place] != other[place]]
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        return one[first] == other[second] and one[second] == other[first]
    return len(wrong) == 1
