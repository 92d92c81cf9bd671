"""Cleaning as a whole: nothing is lost, nothing personal is kept, the same input gives the same output."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.cleaning.batch import Bodies
from services.ingest.domain.cleaning.identity import batch_id, batch_of, part_id, record_ids
from services.ingest.domain.decode import Malformed
from services.ingest.domain.frames.columns import FEW
from services.ingest.domain.frames.digests import MANY, digests
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema
from tests.ingest.builders import (
    ARROW,
    CSV,
    JSON,
    NDJSON,
    NOW,
    PHONE,
    clean_rows,
    cleaned,
    month_sale,
    order,
    outcome,
    price,
    sale,
    shop,
)

GOOD = {
    "pos_sale": sale(consumer_id="c-1", consumer_phone=PHONE, consent_ref="cn-1", void=False, pay_kind="cash"),
    "commercial_order": order(qty_cap_base=2000, delivered_at="2025-03-15T00:00:00Z", state="delivered"),
    "price_observation": price(promo=True),
    "commercial_sale": month_sale(retailers_ordering=70),
    "retailer": shop(contact_phone=PHONE, owner_name="张三", address="徽州路1号"),
    "sku": {"sku_code": "S1", "name_zh": "黄山", "price_guide": "260", "tar_mg": 8, "launch_date": "2020-01-01"},
    "org": {"org_code": "C1", "name": "合肥市公司", "adcode": "340100"},
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(
        ["5元", "１２", "-1", "2025-03-15", "2025-03-15T00:00:00Z", "9999-99-99", PHONE, "1e9", "0", "NaN"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """Records of a kind with a few fields spoilt, some repeated, some no records at all."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    names = sorted(KINDS[kind].field(field.name).name for field in KINDS[kind].fields)  # type: ignore[union-attr]  # own names
    spoilt = st.dictionaries(st.sampled_from([*names, "unknown"]), SCALARS, max_size=3).map(
        lambda changes: {**GOOD[kind], **changes}
    )
    rows = draw(st.lists(st.one_of(spoilt, st.just(GOOD[kind]), st.integers(), st.none()), max_size=12))
    return kind, rows


@settings(max_examples=200)
@given(bodies())
def test_every_record_sent_is_accepted_set_aside_rejected_or_a_duplicate(sent: tuple[str, list[Any]]):
    kind, rows = sent

    result = cleaned(kind, json.dumps(rows).encode())

    receipt = result.receipt
    assert receipt.sent == len(rows)
    assert result.accepted.height == receipt.accepted
    assert len(result.refused) == receipt.quarantined + receipt.rejected
    severities = Counter(refused.severity for refused in result.refused)
    assert (severities["quarantine"], severities["reject"]) == (receipt.quarantined, receipt.rejected)
    assert receipt.repaired <= receipt.accepted
    assert result.accepted.schema == pl.Schema(polars_schema(KINDS[kind]))
    assert result.accepted["record_key"].null_count() == 0
    assert result.accepted["record_id"].n_unique() == receipt.accepted
    lines = result.accepted["line"].to_list() + [refused.line for refused in result.refused]
    assert len(set(lines)) == len(lines)
    assert all(refused.reasons for refused in result.refused)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([JSON, NDJSON, CSV, ARROW]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str):
    accepted = 0

    with contextlib.suppress(Malformed):
        accepted = cleaned("pos_sale", body, content_type).receipt.accepted

    assert accepted == 0


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([*(field.name for field in KINDS["pos_sale"].fields), "note", PHONE]),
        st.sampled_from([PHONE, f"+86{PHONE}", f"王先生 {PHONE}", "138-1234-1234", f"tel:{PHONE}", " ", None]),
        max_size=8,
    )
)
def test_a_phone_number_in_any_field_is_kept_nowhere(changes: dict[str, Any]):
    result = clean_rows("pos_sale", {**GOOD["pos_sale"], **changes})

    kept = json.dumps(result.accepted.to_dicts(), default=str, ensure_ascii=False)
    told = str(result.receipt) + str(result.refused)
    for digits in (PHONE, "138-1234-1234"):
        assert digits not in kept
        assert digits not in told


def test_cleaning_is_the_same_every_time():
    rows = [GOOD["pos_sale"], sale(order_no="P2", amount="５２元"), sale(order_no="P3", qty=-1)]

    first, second = clean_rows("pos_sale", *rows), clean_rows("pos_sale", *rows)

    assert first.accepted.equals(second.accepted)
    assert first.refused == second.refused
    assert first.receipt == second.receipt


def test_absent_and_empty_optional_fields_are_the_same_record():
    bare = clean_rows("pos_sale", sale())
    with_nulls = clean_rows("pos_sale", sale(pay_kind=None, consent_ref="", void=False))

    assert bare.accepted["payload_hash"].to_list() == with_nulls.accepted["payload_hash"].to_list()


@pytest.mark.parametrize(
    ("name", "value"), [("amount", "52.01"), ("pay_kind", "cash"), ("sold_at", "2025-03-15T11:02:32Z")]
)
def test_other_content_has_another_digest(name: str, value: str):
    digests = {clean_rows("pos_sale", row).accepted["payload_hash"][0] for row in (sale(), sale(**{name: value}))}

    assert len(digests) == 2


def test_digests_do_not_change_between_versions_of_the_code():
    own = "R340100000001 P0001 1 34010021 黄山(硬) 26.00 pack 2.000 40 52.00 false CNY 1742036551000000     false"
    payload = own.replace(" ", "\x1f")
    (digest,) = digests(pl.Series([payload])).to_list()

    assert clean_rows("pos_sale", sale()).accepted["payload_hash"][0] == digest
    assert digest == "x:bb058a368f19d1d5"


def test_a_digest_is_the_xxh3_of_its_text():
    known = ["x:2d06800538d394c2", "x:e6c632b61e964e1f", "x:78af5f94892f3950"]

    assert digests(pl.Series(["", "a", "abc"])).to_list() == known


def test_many_records_get_the_digests_that_each_would_get_alone():
    rows = [sale(order_no=f"P{place}", pay_kind="现金" if place % 3 else None) for place in range(3 * MANY)]

    at_once = clean_rows("pos_sale", *rows).accepted["payload_hash"].to_list()

    assert len(set(at_once)) == len(rows)
    assert at_once[::50] == [clean_rows("pos_sale", row).accepted["payload_hash"][0] for row in rows[::50]]


@pytest.mark.parametrize("kind", GOOD)
def test_a_lone_record_has_the_key_and_the_digest_that_it_has_among_many(kind: str):
    row = GOOD[kind]

    alone, first = clean_rows(kind, row).accepted, clean_rows(kind, *[row] * (FEW + 1)).accepted[:1]

    assert alone.select("record_key", "payload_hash").rows() == first.select("record_key", "payload_hash").rows()


def test_a_digest_ignores_what_the_door_added():
    known = clean_rows("commercial_sale", month_sale(org_code="C340100", adcode="340100"))
    moved = clean_rows("commercial_sale", month_sale(org_code="nobody", adcode="340100"))

    assert known.accepted["record_key"][0] == "C340100~34010021~month~2025-02-01"
    assert moved.accepted["record_key"][0] == "nobody~34010021~month~2025-02-01"


def test_a_price_of_a_shop_keeps_its_key_when_the_shop_moves():
    shop_price = clean_rows("price_observation", price(adcode="370100"))
    region_price = clean_rows("price_observation", {**price(adcode="370100"), "retailer_code": None})

    assert shop_price.accepted["record_key"][0] == "R340100000001~~34010021~2025-03-15T03:00:00.000000Z~u7"
    assert region_price.accepted["record_key"][0] == "~370100~34010021~2025-03-15T03:00:00.000000Z~u7"


def test_a_few_records_get_the_ids_that_they_would_get_among_many():
    lines = [1, 1023, 1024, 2**20 + 3, *range(5, 5 + FEW)]
    batches, times = ["01A" + "0" * 23, "01B" + "0" * 23], np.array([1_742_036_551_123_456, 1_742_036_551_999_999])
    of_three = pl.Series(lines[:3], dtype=pl.UInt32)

    few = record_ids(batches, times, of_three, Bodies([2, 1])).to_list()
    many = record_ids(batches, times, pl.Series(lines, dtype=pl.UInt32), Bodies([2, len(lines) - 2])).to_list()

    assert few == many[:3]
    assert len(set(many)) == len(lines)


def test_record_ids_are_ulids_that_carry_time_batch_and_line():
    ids = clean_rows("pos_sale", sale(), sale(order_no="P2")).accepted["record_id"].to_list()

    assert [len(each) for each in ids] == [26, 26]
    assert ids == sorted(ids)
    assert ids[0][:22] == ids[1][:22]
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    milliseconds = 0
    for character in ids[0][:10]:
        milliseconds = milliseconds * 32 + alphabet.index(character)
    assert milliseconds == int(NOW.timestamp() * 1000)


def test_batch_ids_depend_on_source_kind_and_what_was_told():
    ids = {batch_id(*each) for each in (("a", "sku", "x"), ("b", "sku", "x"), ("a", "org", "x"), ("a", "sku", "y"))}

    assert len(ids) == 4
    assert batch_id("a", "sku", "x") in ids
    assert all(len(each) == 26 and each[0] in "01234567" for each in ids)


def test_parts_of_a_batch_know_their_batch():
    batch = batch_id("a", "sku", "x")
    parts = [part_id(batch, place) for place in (0, 1, 31, 32, 32_767)]

    assert parts[0] == batch
    assert len(set(parts)) == 5
    assert {batch_of(part) for part in parts} == {batch}
    with pytest.raises(ValueError, match="parts"):
        part_id(batch, 32_768)


def test_a_refused_record_keeps_tokens_and_loses_the_person():
    result = clean_rows("pos_sale", {**GOOD["pos_sale"], "qty": -1, "order_no": f"no {PHONE}", "sku_name_raw": PHONE})

    record = json.loads(result.refused[0].record_json)
    assert outcome(result.receipt) == (0, 1, 0, 0)
    assert record["phone_token"].startswith("k1:")
    assert record["consumer_key"].startswith("k1:")
    assert record["order_no"].startswith("k1:")
    assert record["sku_name_raw"] == "***"
    assert not {"consumer_id", "consumer_phone"} & set(record)
