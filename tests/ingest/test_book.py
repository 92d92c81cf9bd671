"""The book of records: versions, pages, totals, quarantine, kinds and sources."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from chassis.bus import Bus
from chassis.db import Database, read_frame
from chassis.errors import Invalid, NotFound
from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.store import queries
from tests.ingest.builders import PHONE, month_sale, order, sale, shop
from tests.ingest.running import (
    Stub,
    at,
    balances,
    booked,
    caught_up,
    frame,
    is_balanced,
    now,
    push,
)


async def test_a_newer_version_replaces_and_keeps_the_old_one(ingest: Stub, db: Database, log: Bus):
    stamp = at(hours=5)
    await push(ingest, "commercial_order", order(order_no="K1", ordered_at=stamp, state="new"), source="oms")
    await push(ingest, "commercial_order", order(order_no="K1", ordered_at=stamp, state="delivered"), source="oms")
    await caught_up(log)

    record = await booked(ingest, "commercial_order", "K1~1")

    async with db.transaction() as session:
        old = await read_frame(
            session, "SELECT record ->> 'state' AS s FROM ingest.superseded WHERE record_key = 'K1~1'"
        )
    balance = (await balances(ingest, log))["oms", "commercial_order"]
    assert record["state"] == "delivered"
    assert old["s"].to_list() == ["new"]
    assert (balance.received, balance.stored) == (2, 2)


async def test_an_older_version_does_not_overwrite_a_newer_one(ingest: Stub, log: Bus):
    new, old = at(hours=1), at(hours=9)
    await push(ingest, "pos_sale", sale(order_no="L1", sold_at=new, amount="52.00"), source="late")
    await push(ingest, "pos_sale", sale(order_no="L1", sold_at=old, amount="51.99"), source="late")

    balance = (await balances(ingest, log))["late", "pos_sale"]

    assert (await booked(ingest, "pos_sale", "R340100000001~L1~1"))["amount"] == "52.00"
    assert (balance.received, balance.stored, balance.duplicate) == (2, 2, 0)


async def test_an_exact_repetition_in_another_batch_is_counted_as_duplicate(ingest: Stub, log: Bus):
    row = sale(order_no="M1", sold_at=at(hours=1))
    await push(ingest, "pos_sale", [row], source="echo", key="m-1")
    await push(ingest, "pos_sale", [row, sale(order_no="M2", sold_at=at(hours=1))], source="echo", key="m-2")

    balance = (await balances(ingest, log))["echo", "pos_sale"]

    assert (balance.received, balance.stored, balance.duplicate) == (3, 2, 1)


async def test_sources_that_contradict_each_other_are_both_set_aside(ingest: Stub, log: Bus):
    stamp = at(hours=3)
    await push(ingest, "pos_sale", sale(order_no="N1", sold_at=stamp), source="left")
    await push(ingest, "pos_sale", sale(order_no="N1", sold_at=stamp, qty=3, amount="78.00"), source="right")

    found = await balances(ingest, log)
    left, right = found["left", "pos_sale"], found["right", "pos_sale"]
    request = pb.ListQuarantineRequest(kind="pos_sale", source="left")
    items = (await ingest.ListQuarantine(request)).items

    assert (left.stored, left.quarantined, right.stored, right.quarantined) == (0, 1, 0, 1)
    assert is_balanced(left)
    assert is_balanced(right)
    assert [reason.rule for item in items for reason in item.reasons] == ["DQ-05"]
    with pytest.raises(NotFound):
        await ingest.GetRecord(pb.GetRecordRequest(kind="pos_sale", key="R340100000001~N1~1"))


async def test_quarantine_lists_newest_first_by_page_with_masked_content(ingest: Stub, log: Bus):
    for name in ("O1", "O2", "O3"):
        bad = sale(order_no=name, qty=-1, sku_name_raw=f"电话 {PHONE}", consumer_phone=PHONE, sold_at=at(hours=1))
        await push(ingest, "pos_sale", bad, source="bad")
    await caught_up(log)

    first = await ingest.ListQuarantine(pb.ListQuarantineRequest(source="bad", page_size=2))
    rest = await ingest.ListQuarantine(pb.ListQuarantineRequest(source="bad", page_size=2, cursor=first.next_cursor))

    records = [json.loads(item.record_json) for item in [*first.items, *rest.items]]
    assert [record["order_no"] for record in records] == ["O3", "O2", "O1"]
    assert rest.next_cursor == ""
    assert {reason.rule for item in first.items for reason in item.reasons} >= {"DQ-22"}
    assert PHONE not in "".join(item.record_json for item in [*first.items, *rest.items])


async def test_records_are_filtered_each_way_and_paged(ingest: Stub, log: Bus):
    for day in range(1, 6):
        line = order(order_no=f"Q{day}", ordered_at=at(days=day))
        await push(ingest, "commercial_order", line, source="paged")
    await caught_up(log)

    async def keys(**filters: str) -> list[str]:
        wanted = pb.RecordFilter(kind="commercial_order", source="paged", **filters)
        found, cursor = [], ""
        while True:
            page = await ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted, page_size=2, cursor=cursor))
            found += frame(page.arrow_ipc)["record_key"].to_list()
            cursor = page.next_cursor
            if not cursor:
                return found

    all_keys = ["Q5~1", "Q4~1", "Q3~1", "Q2~1", "Q1~1"]
    today = now().astimezone(TRADE_ZONE).date()
    assert await keys() == all_keys
    assert await keys(retailer="R340100000001", product="34010021", place="340000") == all_keys
    assert await keys(retailer="nobody") == []
    assert await keys(place="350000") == []
    assert await keys(order_no="Q2") == ["Q2~1"]
    assert await keys(from_date=str(today - timedelta(days=1))) == ["Q1~1"]
    assert "Q1~1" not in await keys(to_date=str(today - timedelta(days=2)))


STRANGE = [
    "",
    '"',
    '""',
    ",",
    "a,b",
    "a\nb",
    "a\r\nb",
    "\\N",
    "\\",
    "null",
    " ",
    "黄山\u3000😀",
    "1e5",
    "t",
    '{"a": "b\\n"}',
]


async def test_a_page_gives_each_value_as_the_book_has_it(ingest: Stub, db: Database, log: Bus):
    said = [{"feedback_id": f"S{n:02}", "given_at": at(hours=1), "score": 1 + n / 7} for n in range(len(STRANGE))]
    for each, topic in zip(said, [None, "supply"] * len(said), strict=False):
        each["topic"] = topic
    await push(ingest, "feedback", said, source="strange")
    await caught_up(log)
    async with db.transaction() as session:
        for n, text in enumerate(STRANGE):
            changed = sa.text("UPDATE ingest.feedback SET text = :text WHERE record_key = :key")
            await session.execute(changed, {"text": text, "key": f"S{n:02}"})

    asked = pb.QueryRecordsRequest(filter=pb.RecordFilter(kind="feedback", source="strange"))
    rows = frame((await ingest.QueryRecords(asked)).arrow_ipc)

    assert rows["text"].to_list() == STRANGE
    for row in rows.iter_rows(named=True):
        told = await booked(ingest, "feedback", row["record_key"])
        plain = {name: str(value) if isinstance(value, date) else value for name, value in row.items()}
        times = {name: datetime.fromisoformat(told[name]) for name in ("occurred_at", "ingested_at", "given_at")}
        assert {name: value for name, value in plain.items() if name not in times} == {
            name: value for name, value in told.items() if name not in (*times, "kind")
        }
        assert {name: row[name] for name in times} == times


async def test_a_page_of_long_records_ends_early_and_none_is_left_out(
    ingest: Stub, log: Bus, monkeypatch: pytest.MonkeyPatch
):
    said = [{"feedback_id": f"L{n:02}", "given_at": at(hours=1), "text": "长" * 2000} for n in range(30)]
    await push(ingest, "feedback", said, source="long")
    await caught_up(log)
    monkeypatch.setattr(queries, "PAGE_BYTES", 50_000)

    keys: list[str] = []
    sizes, cursor = [], ""
    while cursor or not sizes:
        asked = pb.QueryRecordsRequest(filter=pb.RecordFilter(kind="feedback", source="long"), cursor=cursor)
        page = await ingest.QueryRecords(asked)
        keys += frame(page.arrow_ipc)["record_key"].to_list()
        sizes.append(len(page.arrow_ipc))
        cursor = page.next_cursor

    assert keys == [f"L{n:02}" for n in range(30)]
    assert max(sizes) < 100_000


async def test_a_page_counts_all_matches_where_asked(ingest: Stub, log: Bus):
    await push(ingest, "retailer", [shop(retailer_code="R2"), shop(retailer_code="R3")], source="shops")
    await caught_up(log)
    wanted = pb.RecordFilter(kind="retailer", source="shops")

    page = await ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted, page_size=1, with_total=True))

    assert page.total == 2
    assert frame(page.arrow_ipc).height == 1
    assert not (await ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted))).HasField("total")


async def test_statistics_add_up_by_group(ingest: Stub, log: Bus):
    for n, (qty, day) in enumerate([(1000, 1), (2000, 1), (4000, 40)]):
        amount = f"{qty / 200 * 230:.2f}"
        line = order(order_no=f"S{n}", qty_order_base=qty, qty_demand_base=qty, amount=amount, ordered_at=at(days=day))
        await push(ingest, "commercial_order", line, source="counted")
    await caught_up(log)
    wanted = pb.RecordFilter(kind="commercial_order", source="counted")

    by_shop = await ingest.GetStatistics(
        pb.GetStatisticsRequest(filter=wanted, group_by=["retailer", "product"], measure="qty_order_base")
    )
    money = await ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, measure="amount"))
    all_of_them = await ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, measure="count"))
    count = await ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, group_by=["day"], measure="count"))

    # The line of 40 days ago is set aside as late.
    assert frame(by_shop.arrow_ipc).rows() == [("R340100000001", "34010021", 2, 3000)]
    assert by_shop.unit == "stick"
    assert frame(all_of_them.arrow_ipc)["value"].to_list() == [2]
    assert (str(frame(money.arrow_ipc)["value"][0]), money.unit) == ("3450.00", "CNY")
    assert (frame(count.arrow_ipc)["value"].to_list(), count.unit) == ([2], "record")


@pytest.mark.parametrize(
    ("group_by", "measure"), [(["amount"], "count"), (["record_key; DROP"], "count"), ([], "order_no"), ([], "nothing")]
)
async def test_statistics_refuse_what_cannot_be_grouped_or_summed(ingest: Stub, group_by: list[str], measure: str):
    wanted = pb.RecordFilter(kind="commercial_order")

    with pytest.raises(Invalid) as caught:
        await ingest.GetStatistics(pb.GetStatisticsRequest(filter=wanted, group_by=group_by, measure=measure))

    assert caught.value.errors


async def test_a_filter_that_a_kind_does_not_have_is_refused(ingest: Stub):
    for wanted in (
        pb.RecordFilter(kind="sku", retailer="R1"),
        pb.RecordFilter(kind="commercial_order", from_date="yesterday"),
    ):
        with pytest.raises(Invalid):
            await ingest.QueryRecords(pb.QueryRecordsRequest(filter=wanted))

    nothing = pb.QueryRecordsRequest(filter=pb.RecordFilter(kind="commercial_order", retailer="a\0b"))
    with pytest.raises(Invalid, match="null"):
        await ingest.QueryRecords(nothing)
    with pytest.raises(Invalid, match="cursor"):
        await ingest.QueryRecords(pb.QueryRecordsRequest(filter=pb.RecordFilter(kind="sku"), cursor="!!!"))


async def test_kinds_come_with_schema_and_data_classes(ingest: Stub):
    kinds = {kind.name: kind for kind in (await ingest.ListKinds(pb.ListKindsRequest())).kinds}

    schema = json.loads(kinds["pos_sale"].json_schema)
    assert set(kinds) >= {
        "sku",
        "retailer",
        "org",
        "commercial_order",
        "commercial_sale",
        "price_observation",
        "pos_sale",
    }
    assert list(kinds["pos_sale"].key_fields) == ["retailer_code", "order_no", "line_no"]
    assert schema["properties"]["consumer_phone"]["x-data-class"] == "personal"


async def test_sources_show_mappings_and_what_was_seen(ingest: Stub, log: Bus):
    await push(ingest, "commercial_sale", month_sale(biz_date=at(days=31)[:8] + "01"), source="monthly")
    await balances(ingest, log)

    sources = {source.name: source for source in (await ingest.ListSources(pb.ListSourcesRequest())).sources}

    assert list(sources["city_orders"].mapped_kinds) == ["commercial_order"]
    assert sources["monthly"].newest_biz_date == at(days=31)[:8] + "01"
    assert sources["monthly"].received == 1
    assert sources["monthly"].last_seen_at.ToDatetime(UTC) <= now()


async def test_master_data_moves_neither_the_newest_date_nor_the_lag_of_a_source(ingest: Stub, log: Bus):
    await push(ingest, "retailer", [shop(retailer_code="R-master")], source="masters")
    await push(ingest, "pos_sale", [sale(order_no="M1", sold_at=at(days=3))], source="mixed")
    await push(ingest, "retailer", [shop(retailer_code="R-mixed")], source="mixed")
    await balances(ingest, log)

    sources = {source.name: source for source in (await ingest.ListSources(pb.ListSourcesRequest())).sources}

    assert (sources["masters"].newest_biz_date, sources["masters"].HasField("lag_s")) == ("", False)
    assert sources["masters"].received == 1
    assert at(days=3)[:10] <= sources["mixed"].newest_biz_date <= at(days=2)[:10]
    assert sources["mixed"].lag_s > 2 * 86400


async def test_a_source_shows_its_lag_and_what_of_it_waits_in_the_quarantine(ingest: Stub, log: Bus):
    await push(ingest, "pos_sale", [sale(order_no="L1", sold_at=at(hours=2))], source="late")
    rows = [sale(order_no="L2", sold_at=at(hours=5)), sale(order_no="L3", sold_at=at(hours=1))]
    await push(ingest, "pos_sale", [*rows, sale(order_no="L4", qty=-1, sold_at=at(minutes=5))], source="late")
    await balances(ingest, log)

    sources = {source.name: source for source in (await ingest.ListSources(pb.ListSourcesRequest())).sources}

    assert 3600 <= sources["late"].lag_s < 3700
    assert sources["late"].open_quarantine == 1
    assert list(sources["late"].partial_days) == []


async def test_the_balance_by_day_and_the_rules_that_fired_are_shown(ingest: Stub, log: Bus):
    rows = [sale(order_no="T1", sold_at=at(hours=1)), sale(order_no="T2", qty=-1, sold_at=at(hours=1))]
    await push(ingest, "pos_sale", rows, source="daily")
    await caught_up(log)

    answer = await ingest.GetQualityDays(pb.GetQualityDaysRequest(source="daily"))
    rules = (await ingest.ListRules(pb.ListRulesRequest())).rules

    [day] = answer.days
    fired = {(count.rule, count.severity): count.records for count in answer.rules}
    assert day.day == str(now().astimezone(TRADE_ZONE).date())
    assert (day.balance.received, day.balance.stored, day.balance.quarantined) == (2, 1, 1)
    assert fired["DQ-22", "quarantine"] == 1
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
    assert {"DQ-01", "DQ-22"} <= {rule.id for rule in rules}


@pytest.mark.parametrize("days", [("yesterday", ""), ("2025-03-02", "2025-03-01"), ("2020-01-01", "2025-01-01")])
async def test_days_that_are_none_or_too_many_are_refused(ingest: Stub, days: tuple[str, str]):
    with pytest.raises(Invalid):
        await ingest.GetQualityDays(pb.GetQualityDaysRequest(from_date=days[0], to_date=days[1]))
