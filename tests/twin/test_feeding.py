"""What records of every kind say of twins, in the columns that ingest publishes."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Problem
from deploy import kind_columns
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import DataClass
from services.twin.domain import statements, twins
from services.twin.domain.feeding import columns
from services.twin.domain.feeding.feeds import Feeds, Seen
from services.twin.domain.statements import RELATIONS, Sighting
from services.twin.domain.twins import ID_PATTERN, Origin
from services.twin.domain.types import Types
from tests.twin.fed_records import AT, DAY, NOW, SAID, records

TYPES = Types.shipped()
FEEDS = Feeds.load(TYPES)
LATER = NOW + timedelta(hours=1)
DEMANDED = "sku brand plant line machine warehouse slot shipment order company retailer region market"


def _read(kind: str, frame: pl.DataFrame) -> Seen:
    sink = io.BytesIO()
    frame.write_ipc_stream(sink)
    return FEEDS.read(kind, pl.read_ipc_stream(io.BytesIO(sink.getvalue())), NOW, TYPES)


def _said(sightings: list[Sighting]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What sightings say together, by twin."""
    said: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for each in sightings:
        properties, relations = said.setdefault(each.id, ({}, {}))
        properties.update(each.properties)
        for facet, targets in each.said.facets.items():
            if facet.startswith(RELATIONS):
                relations[facet.removeprefix(RELATIONS)] = targets if len(targets) > 1 else targets[0]
    return said


@pytest.mark.parametrize("kind", sorted(SAID))
def test_a_record_says_of_twins_what_its_kind_tells(kind: str):
    row, expected = SAID[kind]

    seen = _read(kind, records(kind, row))

    assert _said(seen.sightings) == expected
    assert seen.left_out == {}
    for each in seen.sightings:
        assert _faults(each) == []
        assert ID_PATTERN.match(each.id)
        assert each.said.origin.source.split(":")[0] == "test"


def _faults(sighting: Sighting) -> list[Problem]:
    kind = TYPES[twins.model_of(sighting.id)]
    after, _ = statements.apply(twins.empty(sighting.id, sighting.said.origin), sighting.said) or pytest.fail("no news")
    return kind.check(after.properties) + kind.check_relations(after.relations, TYPES)


def test_every_kind_of_ingest_feeds_twins_or_says_why_not():
    assert set(FEEDS.kinds) | set(FEEDS.silent) == set(KINDS)
    assert set(FEEDS.kinds) == set(SAID)
    assert all(FEEDS.silent.values())


def test_every_model_that_is_shipped_is_fed():
    fed = {rule.model for kind in FEEDS.kinds for rule in FEEDS.rules(kind)}

    assert set(DEMANDED.split()) <= fed
    assert fed == set(TYPES)


def test_the_architecture_page_tells_what_feeds_what():
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")

    assert [row for row in map(_row, FEEDS.kinds) if row not in page] == []
    assert all(f"`{kind}`" in page for kind in FEEDS.silent)


def _row(kind: str) -> str:
    told: dict[str, dict[str, None]] = {}
    for rule in FEEDS.rules(kind):
        told.setdefault(rule.model, {}).update(dict.fromkeys(link.name for link in rule.links))
    cells = [f"`{model}`" + (f" ({', '.join(names)})" if names else "") for model, names in told.items()]
    return f"| `{kind}` | {', '.join(cells)} |"


def test_the_twin_knows_the_columns_that_ingest_publishes():
    assert kind_columns.COPY.read_text(encoding="utf-8") == kind_columns.printed(), "run make kinds"
    assert set(columns.kinds()) == set(KINDS)


def test_no_mapping_reads_what_says_who_a_person_is():
    read = [
        (kind, column.name)
        for kind in FEEDS.kinds
        for rule in FEEDS.rules(kind)
        for part in (
            rule.id,
            rule.at,
            *((each.column,) for each in rule.values),
            *(each.columns for each in rule.links),
        )
        for column in part
    ]
    guarded = {DataClass.PERSONAL, DataClass.SENSITIVE}

    assert len(read) > 200
    fields = [(kind, KINDS[kind].field(name)) for kind, name in read]
    assert [each for each in fields if each[1] is not None and each[1].data_class in guarded] == []


@pytest.mark.parametrize("kind", sorted(SAID))
def test_a_record_that_only_takes_back_says_nothing(kind: str):
    row, _ = SAID[kind]

    assert _read(kind, records(kind, {**row, "op": "delete"})).sightings == []


@pytest.mark.parametrize("kind", sorted(SAID))
def test_no_records_say_nothing(kind: str):
    row, _ = SAID[kind]

    assert _read(kind, records(kind, row).head(0)).sightings == []


def test_a_kind_that_nobody_knows_says_nothing():
    assert FEEDS.read("weather", records("sku", {"sku_code": "S1"}), NOW, TYPES).sightings == []


def _orders(*rows: dict[str, Any]) -> pl.DataFrame:
    return records("commercial_order", *rows)


def test_of_last_facts_the_newest_of_each_twin_counts():
    frame = _orders(
        {"retailer_code": "R1", "order_no": "O2", "occurred_at": LATER, "trace_id": "t2"},
        {"retailer_code": "R1", "order_no": "O1", "occurred_at": NOW},
        {"retailer_code": "R2", "order_no": "O3", "occurred_at": NOW},
        {"retailer_code": None, "order_no": "O4", "occurred_at": NOW},
    )

    seen = {each.id: each for each in _read("commercial_order", frame).sightings}

    assert set(seen) == {"retailer:R1", "retailer:R2"}
    assert seen["retailer:R1"].properties == {"last_order_no": "O2"}
    assert seen["retailer:R1"].said.origin.trace_id == "t2"
    assert seen["retailer:R1"].said.origin.changed_at == LATER


def test_what_the_newest_record_is_silent_about_is_told_by_the_one_before():
    frame = _orders(
        {"retailer_code": "R1", "order_no": "O1", "cycle": "2026-W08", "occurred_at": NOW},
        {"retailer_code": "R1", "order_no": "O2", "cycle": None, "occurred_at": LATER},
    )

    told = [(each.said.origin.changed_at, each.properties) for each in _read("commercial_order", frame).sightings]

    assert told == [
        (NOW, {"last_order_no": "O1", "last_cycle": "2026-W08"}),
        (LATER, {"last_order_no": "O2"}),
    ]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "retailer_code": st.sampled_from(["R1", "R2"]),
            "source": st.sampled_from(["crm", "wecom"]),
            "occurred_at": st.integers(0, 3).map(lambda hours: NOW + timedelta(hours=hours)),
            "score": st.none() | st.sampled_from([1.0, 5.0]),
            "sentiment": st.none() | st.sampled_from(["positive", "negative"]),
        }
    ),
    max_size=8,
)


@given(ROWS)
@settings(max_examples=60)
def test_a_batch_says_what_its_records_would_say_one_by_one(rows: list[dict[str, Any]]):
    frame = records("feedback", *rows) if rows else records("feedback", {}).head(0)

    together = _shown(_read("feedback", frame).sightings)
    one_by_one = _shown([each for row in frame.iter_slices(1) for each in _read("feedback", row).sightings])

    assert together == one_by_one


def _shown(sightings: list[Sighting]) -> dict[str, dict[str, Any]]:
    known: dict[str, twins.Twin] = {}
    for each in sightings:
        before = known.get(each.id) or twins.empty(each.id, each.said.origin)
        after = statements.apply(before, each.said)
        known[each.id] = before if after is None else after[0]
    return {twin_id: twin.properties for twin_id, twin in known.items()}


def test_sources_are_kept_apart():
    frame = _orders(
        {"retailer_code": "R1", "order_no": "O1", "source": "crm"},
        {"retailer_code": "R1", "order_no": "O2", "source": "oms"},
    )

    assert {each.said.origin.source for each in _read("commercial_order", frame).sightings} == {"crm", "oms"}


def test_a_chain_of_states_is_told_step_by_step_in_the_order_of_time():
    states = [("fault", LATER, "E7"), ("run", NOW, None)]
    frame = records(
        "equipment_state",
        *(
            {"machine": "M1", "state": state, "from_at": at, "occurred_at": at, "fault_code": code}
            for state, at, code in states
        ),
    )

    told = [each.properties for each in _read("equipment_state", frame).sightings]

    assert [(each["state"], each["fault_code"]) for each in told] == [("run", ""), ("fault", "E7")]


def test_what_several_lines_say_alike_is_said_once():
    lines = [{"oms_no": "X1", "line_no": n, "buyer_org": "C1", "sku_code": f"S{n}", "status": "new"} for n in (1, 2)]

    seen = _read("oms_order", records("oms_order", *lines)).sightings

    assert sorted(each.id for each in seen) == ["order:X1", "order_line:X1:1", "order_line:X1:2"]


def test_several_tests_of_one_sample_are_one_statement():
    items = {"moisture_pct": 12.5, "weight_g": 0.7}
    frame = records(
        "quality_test",
        *(
            {"lab": "Q1", "test_no": n, "batch_no": "B1", "sku_code": "S1", "item": n, "value": v, "sampled_at": NOW}
            for n, v in items.items()
        ),
    )

    (seen,) = _read("quality_test", frame).sightings

    assert seen.properties == {**items, "last_tested_at": AT}
    assert seen.said.origin.source == "test:Q1"


def test_a_bad_sample_and_a_voided_sale_say_nothing():
    sample = {"tag": "a.b.c.speed", "sampled_at": NOW, "value": 1.0, "quality": "bad", "machine": "M1"}
    sale = {"retailer_code": "R1", "order_no": "P1", "sku_code": "S1", "sold_at": NOW, "void": True}

    assert _read("scada_sample", records("scada_sample", sample)).sightings == []
    assert _read("pos_sale", records("pos_sale", sale)).sightings == []


def test_a_price_of_a_shop_is_none_of_its_region():
    row = {"retailer_code": "R1", "adcode": "340100", "sku_code": "S1", "observed_at": NOW}

    assert set(_said(_read("price_observation", records("price_observation", row)).sightings)) == {"retailer:R1"}


def test_a_planned_order_does_not_run_on_its_line_yet():
    row = {"plant": "P1", "wo_no": "1", "sku_code": "S1", "line_code": "L1", "status": "released"}

    said = _said(_read("mes_work_order", records("mes_work_order", row)).sightings)

    assert said["line:L1"] == ({}, {"part_of": "plant:P1"})


def test_a_slot_that_was_emptied_holds_nothing_any_more():
    row = {"wh_code": "W1", "slot": "A1", "zone": "Z"}
    rows = [{**row, "sku_code": "S1"}, {**row, "occurred_at": LATER}]
    first, second = _read("wms_slot", records("wms_slot", *rows)).sightings
    twin = twins.empty(first.id, first.said.origin)

    full, _ = statements.apply(twin, first.said) or (twin, None)
    empty, _ = statements.apply(full, second.said) or (full, None)

    assert [each.name for each in full.relations] == ["holds", "part_of"]
    assert [each.name for each in empty.relations] == ["part_of"]


@given(st.permutations(range(5)))
def test_a_pallet_stands_where_its_newest_move_brought_it_in_whatever_order_moves_are_learnt(order: list[int]):
    moves = [
        {"move": "in", "to_slot": "A"},
        {"move": "shift", "from_slot": "A", "to_slot": "B"},
        {"move": "count", "from_slot": "B"},
        {"move": "adjust", "to_slot": "C"},
        {"move": "out", "from_slot": "B"},
    ]
    row = {"wh_code": "W1", "sku_code": "S1", "pallet_no": "P7"}
    rows = [{**row, **move, "occurred_at": NOW + timedelta(hours=n)} for n, move in enumerate(moves)]

    def stands_in(learnt: list[int]) -> list[str]:
        twin = twins.empty("pallet:W1:P7", Origin.of(NOW, NOW, "test", ""))
        for number in learnt:
            seen = _read("wms_move", records("wms_move", rows[number])).sightings
            said = next(each.said for each in seen if each.id == twin.id)
            twin, _ = statements.apply(twin, said) or (twin, None)
        return [each.target for each in twin.relations if each.name == "stored_in"]

    assert stands_in([number for number in order if number < 4]) == ["slot:W1:B"]
    assert stands_in(order) == []


def test_what_stands_in_a_slot_is_not_said_by_one_of_its_pallets():
    row = {"wh_code": "W1", "sku_code": "S1", "move": "shift", "from_slot": "A", "to_slot": "B", "pallet_no": "P7"}

    said = _said(_read("wms_move", records("wms_move", row)).sightings)

    assert said["slot:W1:A"][1] == said["slot:W1:B"][1] == {"part_of": "warehouse:W1"}


def test_a_move_is_true_from_its_end_on():
    row = {"wh_code": "W1", "move": "in", "sku_code": "S1", "to_slot": "A", "started_at": NOW, "ended_at": LATER}

    (seen,) = _read("wms_move", records("wms_move", row)).sightings

    assert seen.said.origin.changed_at == LATER


@pytest.mark.parametrize(
    ("kind", "row", "left_out"),
    [
        ("equipment_state", {"machine": "M1", "from_at": NOW, "state": "asleep"}, {"machine": 1}),
        ("equipment_state", {"machine": "M 1", "from_at": NOW, "state": "run"}, {"machine": 1}),
        ("wms_slot", {"wh_code": "W1", "slot": "A/1"}, {"slot": 1}),
        ("wms_slot", {"wh_code": "W1", "slot": "A\x1e1"}, {"slot": 1}),
        ("wms_slot", {"wh_code": "W1", "slot": "A1", "sku_code": "a b"}, {"slot": 1}),
        ("wms_slot", {"wh_code": "W1", "slot": "A" * 200}, {"slot": 1}),
        ("sku", {"sku_code": "S1", "price_class": 2**40}, {"sku": 1}),
        ("warehouse", {"wh_code": "W1", "lon": float("nan")}, {"warehouse": 1}),
        ("campaign", {"campaign_id": "K1", "sku_codes": '["S1","S 2"]'}, {"campaign": 1}),
        ("commercial_order", {"retailer_code": "R1", "order_no": "1", "occurred_at": None}, {"retailer": 1}),
    ],
)
def test_a_record_that_no_statement_can_be_made_of_is_left_out_and_counted(
    kind: str, row: dict[str, Any], left_out: dict[str, int]
):
    good, _ = SAID[kind]

    seen = _read(kind, records(kind, row, good))

    assert seen.left_out == left_out
    assert _said(seen.sightings) == SAID[kind][1]


def test_records_of_an_older_schema_are_read_by_what_they_have():
    frame = records("sku", {"sku_code": "S1", "name_zh": "黄山"}).drop(
        "valid_from", "quality_status", "tar_mg", "trace_id"
    )

    (seen,) = FEEDS.read("sku", frame, NOW, TYPES).sightings

    assert seen.properties == {"name_zh": "黄山"}


def test_days_and_fractions_of_a_second_are_told_as_they_are():
    at = NOW + timedelta(milliseconds=250)
    frame = records("pos_sale", {"retailer_code": "R1", "sold_at": at, "biz_date": DAY})

    (seen,) = _read("pos_sale", frame).sightings

    assert seen.properties == {"last_pos_sale_at": "2026-03-01T08:00:00.250+00:00"}
    assert TYPES["retailer"].check(seen.properties) == []


def test_the_shipped_mappings_lie_one_a_kind_under_its_name():
    folder = Path(columns.__file__).parent / "feeds"

    assert sorted(path.stem for path in folder.iterdir()) == sorted(KINDS)
