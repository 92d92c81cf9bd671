"""Entries of the WeCom book find their shops."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from services.ingest.domain.known.shops import Entry, Match, Shop, Shops, licence_of, plain_name
from tests.ingest.bookmarket import market

SHOPS = Shops(
    [
        Shop("R1", "340102100001", "徽州路便利店", "340102"),
        Shop("R2", "340102100010", "Happy 超市", "340102"),
        Shop("R3", "340102100012", "百姓商店", "340102"),
        Shop("R4", "340102100021", "百姓商店", "340102"),
        Shop("R5", "340103100001", "徽州路便利店", "340103"),
    ]
)


@pytest.mark.parametrize(
    ("text", "licence", "mended"),
    [
        ("340102100001", "340102100001", False),
        ("３４０１０２１００００１", "340102100001", True),
        (" 340102 100001　", "340102100001", True),
        ("34O1O21OOOOl", "340102100001", True),
        ("许可证号:340102100001", "340102100001", True),
        ("940102100001", "", False),
        ("3401021000011", "", False),
        ("", "", False),
        ("13812341234", "", False),
    ],
)
def test_a_licence_number_is_read_as_people_write_it(text: str, licence: str, mended: bool) -> None:
    assert licence_of(text) == (licence, mended)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (Entry("徽州路便利店", "340102100001"), Match("R1", "licence")),
        (Entry("换了名字的店", "340102100001"), Match("R1", "licence")),
        (Entry("徽州路便利店", "34O1O21OOOO1"), Match("R1", "licence_mended")),
        (Entry("徽州路（便利店）", "", "340103"), Match("R5", "name")),
        (Entry("徽州路便利店", ""), Match()),
        (Entry("百姓商店", "", "340102"), Match(candidates=("R3", "R4"))),
        (Entry("ＨＡＰＰＹ超市", "3401021000"), Match("R2", "name")),
        (Entry("Happy超市", "340102100100"), Match("R2", "name")),
        (Entry("别的店", "340102100100"), Match(candidates=("R2",))),
        (Entry("Happy超市", "340102100001"), Match(candidates=("R1", "R2"))),
        (Entry("Happy超市", "340102199999"), Match(candidates=("R2",))),
    ],
    ids=lambda value: f"{value.name} {value.custom_id}" if isinstance(value, Entry) else "",
)
def test_an_entry_is_joined_or_left_to_a_person(entry: Entry, match: Match) -> None:
    assert SHOPS.join([entry]) == [match]


def test_of_two_entries_with_one_number_only_the_one_with_the_name_has_the_shop() -> None:
    right, copied = Entry("徽州路便利店", "340102100001"), Entry("新开的店", "340102100001")

    assert SHOPS.join([copied, right]) == [Match(candidates=("R1",)), Match("R1", "licence")]
    assert SHOPS.join([copied, copied]) == [Match(candidates=("R1",))] * 2


def test_names_are_equal_however_they_are_written() -> None:
    assert plain_name("Ｈappy 超市（总店）") == plain_name("HAPPY超市(总店)")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_join_is_right_for_99_of_100_entries_and_hardly_ever_wrong(seed: int) -> None:
    """R-06 on 12,000 shops with a tenth of the entries damaged."""
    crm, book = market(12_000, seed)

    matches = Shops(crm).join([known.entry for known in book])

    told = Counter(
        (known.fault, "right" if match.code == known.shop else "open" if not match.code else "wrong")
        for known, match in zip(book, matches, strict=True)
    )
    joined = sum(bool(match.code) for match in matches)
    right = sum(bool(match.code) and match.code == known.shop for known, match in zip(book, matches, strict=True))
    joinable = sum(bool(known.shop) for known in book)
    precision, recall = right / joined, right / joinable
    numbered = [pair for pair in zip(book, matches, strict=True) if licence_of(pair[0].entry.custom_id)[0]]
    on_licence = sum(match.code == known.shop for known, match in numbered) / len(numbered)
    figures = f"precision {precision:.5f} recall {recall:.5f} right by licence {on_licence:.5f}"
    sys.stdout.write(f"entries {len(book)} {figures} {sorted(told.items())}\n")
    assert on_licence >= 0.99
    assert precision >= 0.9998
    assert recall >= 0.98
