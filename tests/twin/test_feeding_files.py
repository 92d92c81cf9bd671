"""Mapping files of a customer: what is wrong is told with file and line; what is right changes what twins hear."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from services.twin.consumers import in_groups
from services.twin.domain import statements, twins
from services.twin.domain.feeding.feeds import Feeds
from services.twin.domain.feeding.reader import FeedFault, read_feed
from services.twin.domain.statements import Sighting
from services.twin.domain.types import Types
from services.twin.usecases import Part
from tests.twin.fed_records import NOW, records
from tests.twin.made_models import made, types_with

TYPES = Types.shipped()
README = Path(statements.__file__).parent / "feeding" / "README.md"
HEAD = "kind: mes_output\nsays:\n  - twin: batch\n    id: batch_no\n"

WRONG = {
    "an unknown kind": ("kind: weather\nsays: []\nbecause: x\n", 1, "kind must be one of"),
    "no kind": ("says: []\n", 1, "kind is missing"),
    "no list": ("kind: sku\nbecause: x\n", 1, "says is missing"),
    "silence without a reason": ("kind: sku\nsays: []\n", 1, "because"),
    "an unknown key": ("kind: sku\nsays: []\nbecause: x\nmodel: y\n", 4, "model is not known here"),
    "no YAML": ("kind: sku\nsays: [\n", 3, ""),
    "nothing": ("", 1, "empty"),
    "an unknown model": ("kind: sku\nsays:\n  - twin: product\n    id: sku_code\n", 3, "twin must be one of"),
    "no id": ("kind: sku\nsays:\n  - twin: sku\n", 3, "id is missing"),
    "an empty id": ("kind: sku\nsays:\n  - twin: sku\n    id: []\n", 4, "a column was expected"),
    "an unknown column of the id": ("kind: sku\nsays:\n  - twin: sku\n    id: code\n", 4, "sku has no column code"),
    "an unknown property": (HEAD + "    properties:\n      colour: shift\n", 6, "batch has no property colour"),
    "an unknown same property": (HEAD + "    same: [shift,\n      machine]\n", 6, "batch has no property machine"),
    "a property twice": (HEAD + "    same: [shift]\n    properties:\n      shift: shift\n", 7, "shift is given twice"),
    "an unknown column": (HEAD + "    properties:\n      shift: turn\n", 6, "mes_output has no column turn"),
    "a property without a column": (HEAD + "    properties:\n      shift: {otherwise: x}\n", 6, "from is missing"),
    "a number for a time": (HEAD + "    properties:\n      made_at: good_base\n", 6, "cannot be the quantity"),
    "money for a number": (
        "kind: supplier\nsays:\n  - twin: supply\n    id: supplier_code\n    properties:\n      min_order: price\n",
        6,
        "cannot be the money price",
    ),
    "a quantity for a small integer": (
        "kind: finished_stock\nsays:\n  - twin: stock\n    id: batch_no\n    properties: {age_days: on_hand_base}\n",
        5,
        "cannot be the quantity",
    ),
    "a text for a list": (
        "kind: campaign\nsays:\n  - twin: allocation\n    id: campaign_id\n    properties:\n      caps_cartons: name\n",
        6,
        "cannot be the list name",
    ),
    "a value that the enumeration lacks": (
        "kind: mes_output\nsays:\n  - twin: machine\n    id: machine\n    properties:\n"
        "      state: {from: shift, codes: {early: awake}}\n",
        6,
        "has no value awake",
    ),
    "a choice with other values": (
        "kind: oms_order\nsays:\n  - twin: shipment\n    id: oms_no\n    same: [status]\n",
        5,
        "has no value allocated, checked",
    ),
    "a number for an enumeration": (
        "kind: mes_output\nsays:\n  - twin: machine\n    id: machine\n    properties:\n      state: good_base\n",
        6,
        "cannot be the quantity",
    ),
    "codes of a number": (
        HEAD + "    properties:\n      moisture_pct: {from: tobacco_kg, codes: {a: b}}\n",
        6,
        "tobacco_kg is no text",
    ),
    "a text for a missing number": (
        HEAD + "    properties:\n      moisture_pct: {from: tobacco_kg, otherwise: none}\n",
        6,
        "is no text",
    ),
    "an unknown relation": (HEAD + "    relations:\n      owned_by: plant\n", 6, "batch has no relation owned_by"),
    "a relation to another model": (
        HEAD + "    relations:\n      of: {id: sku_code, twin: machine}\n",
        6,
        "of leads to a sku, which a machine is not",
    ),
    "a relation without a target": (HEAD + "    relations:\n      of: {twin: sku}\n", 6, "needs `id`"),
    "a relation with two targets": (
        HEAD + "    relations:\n      of: {id: sku_code, each: sku_code}\n",
        6,
        "needs `id`",
    ),
    "an unknown otherwise of a relation": (
        HEAD + "    relations:\n      of: {id: sku_code, otherwise: x}\n",
        6,
        "otherwise must be one of unsaid, none",
    ),
    "a list that is none": (HEAD + "    relations:\n      of: {each: sku_code}\n", 6, "sku_code is no list"),
    "a time that is none": (HEAD + "    at: shift\n", 5, "shift is no time"),
    "an unknown take": (HEAD + "    take: some\n", 5, "take must be one of every, newest"),
    "a time without unit": (HEAD + "    at_most: 10\n", 5, "at_most is a time such as"),
    "an unknown on_delete": (HEAD + "    on_delete: hide\n", 5, "on_delete must be one of keep, delete"),
    "unknown totals": (HEAD + "    totals: everything\n", 5, "totals must be one of"),
    "an unknown column of a condition": (HEAD + "    where: {turn: early}\n", 5, "mes_output has no column turn"),
    "a condition that compares": (HEAD + "    where: {shift: {gt: 3}}\n", 5, "gt is not known here"),
    "a condition of nothing": (HEAD + "    where: {shift: {}}\n", 5, "a condition is"),
    "a condition on a number": (HEAD + "    where: {tobacco_kg: 3}\n", 5, "only be asked whether it is null"),
    "a text for a whole number": (HEAD + "    where: {good_base: many}\n", 5, "good_base is a whole number"),
    "an ending of a number": (HEAD + "    where: {good_base: {ends: x}}\n", 5, "no text with an ending"),
    "a value that a choice never has": (
        "kind: oms_order\nsays:\n  - twin: order\n    id: oms_no\n    where: {status: lost}\n",
        5,
        "status must be one of",
    ),
    "a flag that is none": (
        "kind: pos_sale\nsays:\n  - twin: retailer\n    id: retailer_code\n    where: {void: 1}\n",
        5,
        "void must be one of true, false",
    ),
    "trust above one": (HEAD + "    trust: {from: shift, codes: {early: 2}}\n", 5, "trust is a number"),
    "trust in no number": (HEAD + "    trust: {from: shift, codes: {early: much}}\n", 5, "trust is a number"),
    "trust without codes": (HEAD + "    trust: {from: shift}\n", 5, "codes is missing"),
    "who is a consumer": (
        "kind: pos_sale\nsays:\n  - twin: retailer\n    id: retailer_code\n    properties:\n      name: consumer_key\n",
        6,
        "consumer_key is personal data",
    ),
    "a twin of a person": ("kind: user\nsays:\n  - twin: retailer\n    id: user_id\n", 4, "user_id is personal data"),
    "a relation to a person": (
        "kind: store_check\nsays:\n  - twin: retailer\n    id: retailer_code\n    relations:\n"
        "      supplied_by: checked_by\n",
        6,
        "checked_by is personal data",
    ),
    "a source that is a person": (
        "kind: wms_move\nsays:\n  - twin: slot\n    id: to_slot\n    source: operator\n",
        5,
        "operator is personal data",
    ),
    "a condition on a person": (
        "kind: wms_move\nsays:\n  - twin: slot\n    id: to_slot\n    where: {operator: ann}\n",
        5,
        "operator is personal data",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_mapping_is_refused_with_file_and_line(what: str):
    body, line, message = WRONG[what]

    with pytest.raises(FeedFault) as refused:
        read_feed(body, "mine.yaml", TYPES)

    assert str(refused.value).startswith(f"mine.yaml:{line}: ")
    assert message in str(refused.value)


def _with(folder: Path, **bodies: str) -> Feeds:
    for name, body in bodies.items():
        (folder / f"{name}.yaml").write_text(body, encoding="utf-8")
    return Feeds.load(TYPES, folder)


def test_a_wrong_file_of_a_folder_is_refused_before_anything_starts(tmp_path: Path):
    with pytest.raises(FeedFault, match=re.escape("sub.yaml:1: kind must be one of")):
        _with(tmp_path, sub="kind: weather\nsays: []\n")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(FeedFault, match="TWIN_FEEDS"):
        Feeds.load(TYPES, tmp_path / "nowhere")


def test_two_files_of_a_customer_for_one_kind_are_refused_unless_they_add(tmp_path: Path):
    silent = "kind: sku\nsays: []\nbecause: x\n"

    with pytest.raises(FeedFault, match=re.escape("b.yaml:1: ")):
        _with(tmp_path, a=silent, b=silent)


def test_a_file_of_a_customer_stands_in_place_of_the_shipped_one(tmp_path: Path):
    body = "kind: sku\nsays:\n  - twin: sku\n    id: sku_code\n    properties: {spec: name_zh}\n"
    feeds = _with(tmp_path, sku=body)

    (seen,) = feeds.read("sku", records("sku", {"sku_code": "S1", "name_zh": "黄山"}), NOW, TYPES).sightings

    assert (seen.id, seen.said.facets) == ("sku:S1", {"spec": "黄山"})


def test_a_kind_can_be_told_to_say_nothing(tmp_path: Path):
    feeds = _with(tmp_path, sku="kind: sku\nsays: []\nbecause: theirs come from elsewhere\n")

    assert "sku" not in feeds.kinds
    assert feeds.silent["sku"] == "theirs come from elsewhere"


def test_the_example_of_the_readme_makes_twins_of_commercial_orders(tmp_path: Path):
    example = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)[1]
    feeds = _with(tmp_path, orders=example)
    row = {"order_no": "O1", "line_no": 1, "retailer_code": "R1", "sku_code": "S1", "qty_order_base": 400}
    frame = records("commercial_order", {**row, "ordered_at": NOW, "state": "confirmed", "city_org": "C1"})

    seen = {each.id: each for each in feeds.read("commercial_order", frame, NOW, TYPES).sightings}

    assert set(seen) == {"retailer:R1", "order:O1", "order_line:O1:1"}
    assert seen["order:O1"].said.facets["relations/placed_by"] == ["retailer:R1"]
    assert seen["order_line:O1:1"].properties == {"state": "confirmed", "qty_base": 400}


def test_the_first_example_of_the_readme_is_a_mapping():
    example = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)[0]

    assert [rule.model for rule in read_feed(example, "readme.yaml", TYPES).rules] == ["work_order", "line"]


def test_a_list_that_is_empty_ends_the_relation_where_the_mapping_says_so(tmp_path: Path):
    body = "kind: campaign\nsays:\n  - twin: campaign\n    id: campaign_id\n    relations:\n"
    feeds = _with(tmp_path, it=body + "      promotes: {each: sku_codes, otherwise: none}\n")
    rows = [{"campaign_id": f"K{n}", "sku_codes": codes} for n, codes in enumerate(('["S1"]', "[]", None))]

    seen = feeds.read("campaign", records("campaign", *rows), NOW, TYPES).sightings

    assert [each.said.facets for each in seen] == [
        {"relations/promotes": ["sku:S1"]},
        {"relations/promotes": []},
        {"relations/promotes": []},
    ]


def test_so_many_messages_are_taken_in_together_that_nobody_waits_long_for_their_twins():
    shops = [Part(str(n), "retailer", records("retailer", *[{"retailer_code": "R"}] * 1500)) for n in range(3)]
    orders = [Part(f"o{n}", "commercial_order", records("commercial_order", {"retailer_code": "R"})) for n in range(9)]

    groups = in_groups([*orders, *shops], Feeds.load(TYPES))

    assert [[each.message_id for each in group] for group in groups] == [
        [*(f"o{n}" for n in range(9)), "0", "1"],
        ["2"],
    ]


def test_codes_say_the_values_of_a_column_in_the_words_of_the_model(tmp_path: Path):
    body = "kind: mes_output\nsays:\n  - twin: machine\n    id: machine\n    properties:\n"
    feeds = _with(tmp_path, out=body + "      state: {from: shift, codes: {early: run, late: idle}}\n")
    rows = [{"machine": f"M{n}", "shift": shift} for n, shift in enumerate(("early", "late", "night"))]

    seen = feeds.read("mes_output", records("mes_output", *rows), NOW, TYPES)

    assert [each.properties for each in seen.sightings] == [{"state": "run"}, {"state": "idle"}]
    assert seen.left_out == {"machine": 1}


def test_how_far_a_source_trusts_itself_and_what_was_mended_make_the_quality(tmp_path: Path):
    body = "kind: mes_output\nsays:\n  - twin: machine\n    id: machine\n    same: [shift]\n"
    feeds = _with(tmp_path, out=body + "    trust: {from: shift, codes: {night: 0.5}}\n")
    rows = [
        {"machine": "M1", "shift": "early"},
        {"machine": "M2", "shift": "night"},
        {"machine": "M3", "shift": "night", "quality_status": "repaired"},
    ]

    seen = feeds.read("mes_output", records("mes_output", *rows), NOW, TYPES).sightings

    assert [each.said.quality for each in seen] == [1.0, 0.5, 0.4]


def _told(*sightings: Sighting) -> twins.Twin:
    twin = twins.empty(sightings[0].id, sightings[0].said.origin)
    for each in sightings:
        outcome = statements.apply(twin, each.said)
        twin = twin if outcome is None else outcome[0]
    return twin


def test_a_record_that_takes_back_ends_the_twin_where_the_mapping_says_so(tmp_path: Path):
    body = "kind: wms_slot\nsays:\n  - twin: slot\n    id: [wh_code, slot]\n    same: [zone]\n    on_delete: delete\n"
    feeds = _with(tmp_path, slot=body)
    row = {"wh_code": "W1", "slot": "A1"}
    rows = [
        {**row, "zone": "Z"},
        {**row, "op": "delete", "occurred_at": NOW + timedelta(hours=1)},
        {**row, "zone": "Y", "occurred_at": NOW + timedelta(minutes=30)},
        {**row, "zone": "X", "occurred_at": NOW + timedelta(hours=2)},
    ]

    seen, gone, late, again = (
        feeds.read("wms_slot", records("wms_slot", each), NOW, TYPES).sightings[0] for each in rows
    )

    assert _told(seen).exists
    assert not _told(seen, gone).exists
    assert not _told(gone, seen, late).exists
    assert _told(seen, gone, again).properties == {"zone": "X"}


def test_a_relation_may_lead_to_a_model_that_extends_the_one_it_is_made_for():
    types = types_with(made("dtmi:customer:house_brand;1", extends="dtmi:marketwin:brand;1"))
    body = "kind: sku\nsays:\n  - twin: sku\n    id: sku_code\n    relations:\n"
    feeds = Feeds([read_feed(body + "      of_brand: {id: brand_code, twin: house_brand}\n", "sku.yaml", types)])

    (seen,) = feeds.read("sku", records("sku", {"sku_code": "S1", "brand_code": "B"}), NOW, types).sightings

    assert seen.said.facets == {"relations/of_brand": ["house_brand:B"]}
