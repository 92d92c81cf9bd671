"""What may change in a schema, and what would hurt those who send or read."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import CommonSettings
from services.ingest import app as wiring
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.compatibility import faults, outline
from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind
from services.ingest.settings import IngestSettings
from services.ingest.sources import SchemaBroken, check_kinds
from services.ingest.sources.kind_baseline import outlines, read_baseline, write_baseline

KIND = Kind(
    name="thing",
    schema_version=3,
    doc="A thing.",
    occurred="seen_at",
    fields=(
        Field(name="no", type=FieldType.CODE, key=True, required=True, doc="Number."),
        Field(name="state", type=FieldType.CHOICE, values=("new", "old"), doc="State."),
        Field(name="size_mm", type=FieldType.NUMBER, minimum=0, maximum=9, doc="Size."),
        Field(name="price", type=FieldType.MONEY, doc="Price.", data_class=DataClass.IMPORTANT),
        Field(name="seen_at", type=FieldType.TIME, doc="When."),
    ),
)


def _with(place: int, *, version: int = 4, **changes: Any) -> Kind:
    fields = list(KIND.fields)
    fields[place] = replace(fields[place], **changes)
    return replace(KIND, schema_version=version, fields=tuple(fields))


def _faults(now: Kind) -> list[str]:
    return faults({"thing": outline(KIND)}, {"thing": outline(now)})


def _added(**traits: Any) -> Kind:
    more = Field(name="colour", type=FieldType.CODE, doc="Colour.", **traits)
    return replace(KIND, schema_version=4, fields=(*KIND.fields, more))


@pytest.mark.parametrize(
    "now",
    [
        KIND,
        _added(),
        _with(0, required=False),
        _with(1, values=("new", "old", "lost")),
        _with(2, minimum=-1, maximum=20),
        _with(2, doc="Other words."),
        _with(3, data_class=DataClass.PERSONAL),
    ],
)
def test_what_hurts_nobody_is_allowed(now: Kind):
    assert _faults(now) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (replace(_added(), schema_version=3), "schema_version must be above 3"),
        (replace(KIND, schema_version=4, fields=KIND.fields[:1] + KIND.fields[2:]), "state is gone"),
        (_added(required=True), "colour is new and required"),
        (_with(1, required=True), "state became required"),
        (_with(1, values=("new",)), "state lost the values old"),
        (_with(2, type=FieldType.INTEGER), "size_mm has another type"),
        (_with(2, maximum=5), "size_mm takes fewer values"),
        (_with(2, unit="cm"), "size_mm has another unit"),
        (_with(0, key=False), "key changed"),
        (_with(3, data_class=DataClass.PUBLIC), "price has a weaker data class"),
        (_with(3, stored=False), "price has another stored"),
        (replace(KIND, schema_version=4, occurred=""), "occurred changed"),
        (replace(_added(), fields=(_added().fields[-1], *KIND.fields)), "new fields come last"),
    ],
)
def test_what_hurts_somebody_is_told(now: Kind, told: str):
    assert any(told in fault for fault in _faults(now)), _faults(now)


def test_a_kind_may_come_and_may_not_go():
    assert faults({}, {"thing": outline(KIND)}) == []
    assert faults({"thing": outline(KIND)}, {}) == ["thing: the kind is gone"]


def test_the_baseline_holds_the_kinds_of_today():
    assert read_baseline() == json.loads(json.dumps(outlines())), "run `make kinds`"
    check_kinds()


def test_a_baseline_is_not_overwritten_by_what_breaks_it(tmp_path: Path):
    path = tmp_path / "baseline.json"
    promised = deepcopy(outlines())
    promised["sku"]["fields"]["colour"] = {"type": "code", "class": "public"}
    path.write_text(json.dumps(promised))

    with pytest.raises(SchemaBroken, match="sku: colour is gone"):
        write_baseline(path)

    assert json.loads(path.read_text()) == json.loads(json.dumps(promised))


async def test_no_start_with_a_kind_that_breaks_its_promise(common: CommonSettings, monkeypatch: pytest.MonkeyPatch):
    sku = KINDS["sku"]
    monkeypatch.setitem(KINDS, "sku", replace(sku, fields=sku.fields[:-1]))

    with pytest.raises(SchemaBroken, match="valid_to is gone"):
        async with wiring.app(IngestSettings(common=common, token_key="a secret of the tests, long enough")):
            pass
