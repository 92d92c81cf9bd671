"""Writing the book in groups: exactly once, in order, with a ledger that holds, and around what cannot be stored."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
import sqlalchemy as sa

from chassis.db import Database, Unstorable
from chassis.settings import CommonSettings
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.store import receipts
from services.ingest.store.book import keep
from services.ingest.usecases import Accepted, Entry, Taken
from tests.ingest.builders import NOW, order, sale
from tests.ingest.parts import (
    balance,
    content,
    days_differ,
    deletion,
    edited,
    empty_book,
    hours,
    message,
    refusal,
    rows,
    state,
)

KEY = "R340100000001~{}~1".format
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def db(common: CommonSettings, template: str) -> AsyncIterator[Database]:
    async with empty_book(common.postgres_url, template) as opened:
        yield opened
        assert await days_differ(opened) == []


async def _book(db: Database) -> dict[str, str]:
    return dict(await rows(db, "SELECT record_key, amount::text FROM ingest.pos_sale"))


async def test_a_group_is_booked_in_one_transaction_with_an_entry_a_message(db: Database):
    group = [
        message("m1", sale(order_no="A1"), sale(order_no="A2")),
        message("m2", sale(order_no="A3"), source="other"),
        refusal("m3", ("quarantine", '{"qty": 0}'), ("reject", "")),
    ]

    await keep(db, "book", group)

    entries = await rows(db, "SELECT id, received, stored, quarantined, rejected FROM ingest.entry ORDER BY 1")
    transactions = await rows(db, "SELECT count(DISTINCT xmin::text) FROM ingest.pos_sale")
    assert entries == [("m1", 2, 2, 0, 0), ("m2", 1, 1, 0, 0), ("m3", 2, 0, 1, 1)]
    assert sorted(await _book(db)) == [KEY("A1"), KEY("A2"), KEY("A3")]
    assert transactions == [(1,)]


async def test_a_message_that_comes_again_in_its_group_or_later_changes_nothing(db: Database):
    first, second = message("m1", sale(order_no="B1")), message("m2", sale(order_no="B2"))
    await keep(db, "book", [first, second, first])
    before = await state(db)

    await keep(db, "book", [second, first])

    assert await state(db) == before
    assert await balance(db) == {"received": 2, "stored": 2}


async def test_versions_in_several_messages_of_a_group_replace_each_other_in_order(db: Database):
    versions = [
        message(f"m{n}", sale(order_no="C1", qty=n, amount=f"{26 * n}.00"), at=NOW + n * timedelta(seconds=1))
        for n in (1, 2, 3)
    ]

    await keep(db, "book", versions)

    superseded = await rows(db, "SELECT record_id FROM ingest.superseded ORDER BY 1")
    assert await _book(db) == {KEY("C1"): "78.00"}
    assert superseded == [("m1-0",), ("m2-0",)]
    assert await balance(db) == {"received": 3, "stored": 3}


async def test_a_contradiction_adds_lines_to_the_ledger_and_corrects_none(db: Database):
    await keep(db, "book", [message("m1", sale(order_no="D1"), source="left", at=NOW - DAY)])

    await keep(db, "book", [message("m2", sale(order_no="D1", qty=3, amount="78.00"), source="right")])

    entries = await rows(db, "SELECT source, received, stored, quarantined FROM ingest.entry ORDER BY source, stored")
    days = await rows(db, "SELECT source, day::text, received, stored, quarantined FROM ingest.balance_day ORDER BY 1")
    fired = await rows(db, "SELECT source, rule, severity, records FROM ingest.rule_count ORDER BY 1")
    assert entries == [("left", 0, -1, 1), ("left", 1, 1, 0), ("right", 1, 0, 1)]
    assert days == [("left", "2025-03-15", 1, 0, 1), ("right", "2025-03-16", 1, 0, 1)]
    assert fired == [("left", "DQ-05", "quarantine", 1), ("right", "DQ-05", "quarantine", 1)]


async def test_a_contradiction_within_a_group_sets_both_sides_aside(db: Database):
    group = [
        message("m1", sale(order_no="E1"), sale(order_no="E2"), source="left"),
        message("m2", sale(order_no="E1", qty=3, amount="78.00"), source="right"),
    ]

    await keep(db, "book", group)

    assert list(await _book(db)) == [KEY("E2")]
    assert await balance(db, "left") == {"received": 2, "stored": 1, "quarantined": 1}
    assert await balance(db, "right") == {"received": 1, "quarantined": 1}


def _random_group(seed: int) -> list[Accepted]:
    chance = random.Random(seed)  # a test's dice
    group = []
    for place in range(8):
        at = NOW + place * timedelta(seconds=1)
        source = chance.choice(("left", "right"))
        lines = [
            sale(
                order_no=chance.choice(("X", "Y", "Z")),
                sold_at=hours(chance.randint(1, 3)),
                qty=n,
                amount=f"{26 * n}.00",
            )
            for n in chance.choices((1, 2), k=chance.randint(1, 3))
        ]
        unique = {(line["order_no"], line["sold_at"]): line for line in lines}
        if chance.random() < 0.25:
            group.append(deletion(f"m{place}", chance.choice("XYZ"), at=at, source=source, **sale(sold_at=hours(2))))
        else:
            group.append(message(f"m{place}", *unique.values(), source=source, at=at))
    return group


@pytest.mark.parametrize("seed", range(6))
async def test_a_group_leaves_what_its_messages_would_leave_one_by_one(
    common: CommonSettings, template: str, seed: int
):
    group = _random_group(seed)
    url = common.postgres_url
    async with empty_book(url, template) as together, empty_book(url, template) as alone:
        await keep(together, "book", group)
        for part in group:
            await keep(alone, "book", [part])

        assert await state(together) == await state(alone)


async def test_two_replicas_that_hear_the_same_messages_book_each_once(db: Database):
    groups = [[message(f"m{n}", sale(order_no=f"F{n}"))] for n in range(20)]

    await asyncio.gather(*(keep(db, "book", group) for group in [*groups, *reversed(groups)]))

    assert len(await _book(db)) == 20
    assert await balance(db) == {"received": 20, "stored": 20}


async def test_a_pending_line_of_the_door_becomes_the_outcome_of_its_message(db: Database):
    part = message("m1", sale(order_no="G1"), sale(order_no="G2"))
    pending = Entry(id="m1", batch_id="m1", source="till", kind="pos_sale", at=NOW, received=2, pending=2)
    taken = Taken("till", "pos_sale", "digest", Receipt("m1", 2, 0, 0, 0, 0), NOW)

    await receipts.write_notes(db, {"m1": receipts.text_of(taken)}, [pending])
    waiting = await balance(db)
    await keep(db, "book", [part])
    done = await balance(db)
    await receipts.write_notes(db, {"m1": receipts.text_of(taken)}, [pending])

    assert waiting == {"received": 2, "pending": 2}
    assert done == {"received": 2, "stored": 2}
    assert await balance(db) == done


UNSTORABLE = {
    "a null character in a text": ("sku_name_raw", "黄山\0", ""),
    "a null character in kept JSON": ("extra", '{"note": "a\\u0000b"}', "extra"),
    "JSON that is none": ("originals", "{broken", "originals"),
    "a key that no index takes": ("record_key", "".join(map(chr, range(0x4E00, 0x4E00 + 3000))), ""),
}


@pytest.mark.parametrize("name", UNSTORABLE)
async def test_one_record_that_cannot_be_stored_holds_none_of_the_others_back(db: Database, name: str):
    field, value, pointed = UNSTORABLE[name]
    good = message("m1", *(sale(order_no=f"H{n}") for n in range(1000)))
    bad = edited(good, **{field: {617: value}})
    trials = []
    sa.event.listen(db.engine.sync_engine, "savepoint", lambda *_: trials.append(1))

    await keep(db, "book", [bad])
    await keep(db, "book", [bad])

    reasons = await rows(db, "SELECT line, reasons -> 0 ->> 'rule', reasons -> 0 ->> 'pointer' FROM ingest.quarantine")
    fired = await rows(db, "SELECT rule, severity, records FROM ingest.rule_count")
    kept = await content(db, "m1-617")
    assert len(await _book(db)) == 999
    assert await balance(db) == {"received": 1000, "stored": 999, "quarantined": 1}
    assert reasons == [(617, "DQ-02", f"/617/{pointed}")]
    assert fired == [("DQ-02", "quarantine", 1)]
    assert kept["order_no"] == "H617"
    assert len(trials) <= 2 * 10 + 4


async def test_a_group_with_a_bad_record_changes_nothing_and_says_so(db: Database):
    good = message("m1", sale(order_no="I1"))
    bad = edited(message("m2", sale(order_no="I2")), sku_name_raw={0: "\0"})
    before = await state(db)

    with pytest.raises(Unstorable) as caught:
        await keep(db, "book", [good, bad])

    assert await state(db) == before
    assert "CharacterNotInRepertoireError" in caught.value.message


async def test_refused_content_that_is_no_json_for_the_database_is_kept_as_text(db: Database):
    part = refusal(
        "m1",
        ("quarantine", r'{"a": "\u0000\u0000x\\\u0000\\u0000"}'),
        ("quarantine", "{no"),
        ("quarantine", '{"n": 1e999999}'),
    )

    await keep(db, "book", [part])

    assert await content(db, "m1-0") == {"a": "\ufffd\ufffdx\\\ufffd\\u0000"}
    assert await content(db, "m1-1") == {"unreadable": "{no"}
    assert await content(db, "m1-2") == {"unreadable": '{"n": 1e999999}'}
    assert await balance(db) == {"received": 3, "quarantined": 3}


async def test_rules_are_counted_once_a_record_by_day_source_kind_and_severity(db: Database):
    mended = message("m1", sale(order_no="K1", qty="2"), sale(order_no="K2", sold_at="2025-03-15 11:02:31"))
    again = message("m2", sale(order_no="K1", qty="2"), at=NOW + timedelta(seconds=1))
    await keep(db, "book", [mended, again])

    await keep(db, "book", [refusal("m3", ("quarantine", "{}"), ("reject", ""), ("reject", ""))])

    fired = await rows(db, "SELECT day::text, rule, severity, records FROM ingest.rule_count ORDER BY rule, severity")
    assert fired == [
        ("2025-03-16", "DQ-04", "warn", 1),
        ("2025-03-16", "DQ-07", "repair", 1),
        ("2025-03-16", "DQ-22", "quarantine", 1),
        ("2025-03-16", "DQ-22", "reject", 2),
    ]


async def test_a_deletion_retires_the_record_and_an_older_one_does_not_bring_it_back(db: Database):
    await keep(db, "book", [message("m1", sale(order_no="L1", sold_at=hours(5)))])
    at = NOW + timedelta(minutes=1)

    await keep(db, "book", [deletion("m2", "L1", at=at, **sale(sold_at=hours(6)))])
    gone = await _book(db)
    await keep(db, "book", [deletion("m3", "L1", at=at + timedelta(minutes=1), **sale(sold_at=hours(6)))])
    await keep(db, "book", [message("m4", sale(order_no="L1", sold_at=hours(4), amount="51.99"), at=at + 2 * DAY)])
    older = await _book(db)
    await keep(db, "book", [message("m5", sale(order_no="L1", sold_at=hours(7)), at=at + 3 * DAY)])

    superseded = await rows(db, "SELECT record_id, record ->> 'op' FROM ingest.superseded ORDER BY 1")
    assert (gone, older) == ({}, {})
    assert await _book(db) == {KEY("L1"): "52.00"}
    assert superseded == [("m1-0", "upsert"), ("m2-0", "delete"), ("m4-0", "upsert")]
    assert await rows(db, "SELECT * FROM ingest.deleted") == []
    assert await balance(db) == {"received": 5, "stored": 4, "duplicate": 1}


async def test_a_record_deleted_and_sent_again_as_it_was_comes_back(db: Database):
    first = message("m1", sale(order_no="M1"))
    later = edited(message("m3", sale(order_no="M1"), at=NOW + DAY), occurred_at={0: NOW + DAY})
    await keep(db, "book", [first])

    await keep(db, "book", [deletion("m2", "M1", at=NOW + timedelta(hours=1), **sale())])
    await keep(db, "book", [later])

    assert list(await _book(db)) == [KEY("M1")]


async def test_a_deletion_of_what_never_was_is_kept_for_what_may_come(db: Database):
    await keep(db, "book", [deletion("m1", "N1", **sale(sold_at=hours(9)))])

    await keep(db, "book", [message("m2", sale(order_no="N1", sold_at=hours(8)))])

    assert await _book(db) == {}
    assert await balance(db) == {"received": 2, "stored": 2}


async def test_a_newer_record_is_not_deleted_by_an_older_deletion(db: Database):
    await keep(db, "book", [message("m1", sale(order_no="O1", sold_at=hours(9)))])

    await keep(db, "book", [deletion("m2", "O1", **sale(sold_at=hours(8)))])

    assert list(await _book(db)) == [KEY("O1")]


async def test_an_order_is_deleted_whatever_state_it_is_in(db: Database):
    line = order(ordered_at=hours(1), state="delivered")
    await keep(db, "book", [message("m1", line, kind="commercial_order")])
    model = message("m2", line, kind="commercial_order", at=NOW + timedelta(minutes=1))
    gone = edited(model, op={0: "delete"}, payload_hash={0: "deleted"}, state={0: None})

    await keep(db, "book", [gone])

    assert await rows(db, "SELECT * FROM ingest.commercial_order") == []
    assert await balance(db) == {"received": 2, "stored": 2}


async def test_the_balance_by_day_can_be_made_again_from_the_entries(db: Database):
    await keep(db, "book", [message(f"m{n}", sale(order_no=f"P{n}"), at=NOW - n * DAY) for n in range(3)])
    async with db.transaction() as session:
        await session.execute(sa.text("UPDATE ingest.entry SET repaired = 1 WHERE id = 'm1'"))
        await session.execute(sa.text("DELETE FROM ingest.entry WHERE id = 'm2'"))

    days = await rows(db, "SELECT day::text, received, repaired FROM ingest.balance_day ORDER BY 1")

    assert days == [("2025-03-14", 0, 0), ("2025-03-15", 1, 1), ("2025-03-16", 1, 0)]
