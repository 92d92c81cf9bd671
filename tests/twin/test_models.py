"""Types that a customer adds: what their twins may hold, and what is refused at start."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.twin.domain.migrating import read_steps
from services.twin.domain.model_documents import ModelFaults, elements_of, read_models
from services.twin.domain.twins import Relation
from services.twin.domain.types import FOLDER, Types, shipped_elements, types_of
from services.twin.sources import read_folder
from tests.twin.made_models import component, made, prop, relationship, types_with, written

KIOSK = made(
    "dtmi:acme:kiosk;1",
    prop("wheels", "integer", writable=True),
    prop("parked_at", "point"),
    component("awning", "dtmi:acme:Awning;1"),
    relationship("towed_by", "dtmi:acme:van;1", maxMultiplicity=1),
    relationship("knows"),
    {"@type": "Telemetry", "name": "wind", "schema": "double"},
    {"@type": "Command", "name": "open"},
    extends="dtmi:marketwin:retailer;1",
)
AWNING = made("dtmi:acme:Awning;1", prop("colour"), prop("is_out", "boolean", writable=True))
VAN = made("dtmi:acme:van;1", prop("seats", "integer"))
TRUCK = made("dtmi:acme:truck;3", prop("axles", "integer"), extends="dtmi:acme:van;1")


@pytest.fixture(scope="module")
def types() -> Types:
    return types_with(KIOSK, AWNING, VAN, TRUCK)


def _read(*interfaces: dict[str, Any]) -> list[tuple[str, str]]:
    """Places and rules of what is wrong with models of a request."""
    with pytest.raises(ModelFaults) as refused:
        read_models([*shipped_elements(), *elements_of(json.dumps(interfaces))])
    return [(problem.pointer, problem.rule) for problem in refused.value.errors]


def test_a_type_accepts_what_it_inherits(types: Types):
    assert types["kiosk"].check({"wheels": 2, "tier": 30, "awning": {"colour": "red"}}) == []
    assert types["kiosk"].check_relations([Relation("located_in", "region:1")], types) == []


@pytest.mark.parametrize(
    ("properties", "pointer", "rule"),
    [
        ({"awning": {"colour": 1}}, "/properties/awning/colour", "wrong_type"),
        ({"awning": {"size": 1}}, "/properties/awning/size", "unknown_property"),
        ({"awning": "red"}, "/properties/awning", "wrong_type"),
        ({"colour": "red"}, "/properties/colour", "unknown_property"),
        ({"wind": 3.5}, "/properties/wind", "not_state"),
        ({"open": {}}, "/properties/open", "not_state"),
        ({"towed_by": "van:1"}, "/properties/towed_by", "not_state"),
        ({"parked_at": {"type": "Point", "coordinates": [1]}}, "/properties/parked_at/coordinates", "wrong_type"),
    ],
)
def test_what_no_twin_of_a_type_holds_is_named_by_pointer(types: Types, properties: Any, pointer: str, rule: str):
    (problem,) = types["kiosk"].check(properties)

    assert (problem.pointer, problem.rule) == (pointer, rule)


def test_only_what_is_writable_can_be_desired(types: Types):
    desired = {"wheels": 3, "parked_at": {}, "tier": 4, "name": "x", "awning": {"is_out": True, "colour": "red"}}

    found = [(each.pointer, each.rule) for each in types["kiosk"].check_desired(desired)]

    refused = ["/desired/parked_at", "/desired/name", "/desired/awning/colour"]
    assert found == [(pointer, "not_writable") for pointer in refused]


@pytest.mark.parametrize(
    ("relations", "found"),
    [
        ([("towed_by", "van:1")], []),
        ([("towed_by", "truck:1")], []),
        ([("knows", "elsewhere:1")], []),
        ([("towed_by", "region:1")], [("/relations/0/target", "wrong_target")]),
        ([("towed_by", "elsewhere:1")], [("/relations/0/target", "wrong_target")]),
        ([("towed_by", "van:1"), ("towed_by", "van:2")], [("/relations/1", "too_many_relations")]),
        ([("wheels", "van:1")], [("/relations/0/name", "unknown_relation")]),
    ],
)
def test_relations_lead_to_twins_of_the_type_that_the_model_names(types: Types, relations: Any, found: Any):
    problems = types["kiosk"].check_relations([Relation(*each) for each in relations], types)

    assert [(problem.pointer, problem.rule) for problem in problems] == found


def test_a_target_fits_whichever_version_the_model_names():
    newer = types_with(VAN, made("dtmi:acme:van;2"), made("dtmi:acme:tow;1", relationship("by", "dtmi:acme:van;1")))

    assert newer["van"].dtmi == "dtmi:acme:van;2"
    assert newer["tow"].check_relations([Relation("by", "van:1")], newer) == []


@pytest.mark.parametrize(
    ("interface", "pointer", "rule"),
    [
        (
            made("dtmi:a:b;1", prop("x"), relationship("to", properties=[prop("since", "date")])),
            "/0/contents/1/properties",
            "relationship-properties",
        ),
        (made("dtmi:a:b;1", relationship("to", "dtmi:a:c;1")), "/0/contents/0/target", "target-unknown"),
        (
            made("dtmi:a:b;1", component("shop", "dtmi:marketwin:retailer;1")),
            "/0/contents/0/schema",
            "component-relationships",
        ),
        (made("dtmi:a:retailer;1"), "/0/@id", "name-taken"),
        (made("dtmi:a:b"), "/0/@id", "version-missing"),
        (made("dtmi:a:b;1", extends=made("dtmi:a:c;1")), "/0", "inline-interface"),
        (made("dtmi:a:b;1", {"@type": ["Property", "Odd"], "name": "x"}), "/0/contents/0/@type", "type-undefined"),
        (made("dtmi:marketwin:retailer;1"), "/0/@id", "id-duplicate"),
        (made("dtmi:a:b;1", extends="dtmi:a:b;1"), "/0/extends", "cycle"),
    ],
)
def test_a_model_that_twins_have_no_place_for_is_refused(interface: dict[str, Any], pointer: str, rule: str):
    assert (pointer, rule) in _read(interface)


def test_what_is_written_with_full_names_is_held_to_the_same():
    written_out = {"dtmi:dtdl:property:name;3": "to", "@type": "Relationship", "properties": [prop("since", "date")]}

    assert "relationship-properties" in {rule for _, rule in _read(made("dtmi:a:b;1", written_out))}


def test_a_folder_adds_types_from_files_with_one_interface_or_several(tmp_path: Path):
    folder = written(tmp_path, kiosk=json.dumps(KIOSK), parts=json.dumps([AWNING, VAN]))

    types = Types(types_of(*read_models([*shipped_elements(), *read_folder(folder)])))

    assert {"kiosk", "Awning", "van", "retailer"} <= set(types)


def test_all_faults_of_a_folder_are_told_with_file_place_and_rule(tmp_path: Path):
    folder = written(
        tmp_path,
        one=json.dumps(made("dtmi:acme:one;1", prop("x", "colour"))),
        two=json.dumps([VAN, made("dtmi:acme:two;1", prop("x", "string", writable="yes"))]),
    )

    with pytest.raises(ModelFaults) as refused:
        read_models([*shipped_elements(), *read_folder(folder)])

    found = {(problem.pointer, problem.rule) for problem in refused.value.errors}
    assert found == {
        ("one.json#/contents/0/schema", "reference-syntax"),
        ("two.json#/1/contents/0/writable", "value-boolean"),
    }
    assert all(f"{pointer}: {rule}" in str(refused.value) for pointer, rule in found)


def test_every_file_that_cannot_be_read_is_told(tmp_path: Path):
    folder = written(tmp_path, broken="{", deep="[" * 1000 + "]" * 1000, text='["x"]', large=" " * 1024 * 1025 + "{}")

    with pytest.raises(ModelFaults) as refused:
        read_folder(folder)

    assert [(problem.pointer, problem.rule) for problem in refused.value.errors] == [
        ("broken.json#", "json-syntax"),
        ("deep.json#", "json-depth"),
        ("large.json#", "json-size"),
        ("text.json#/0", "root-shape"),
    ]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(ModelFaults):
        read_folder(tmp_path / "nowhere")


def test_the_model_that_the_guide_shows_is_one():
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown, change = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    kiosk = json.loads(shown)
    second = json.loads(
        shown.replace("kiosk;1", "kiosk;2").replace("width", "breadth").replace("served_by", "backed_by")
    )

    types = types_with(kiosk, second)
    steps, problems = read_steps(
        json.loads(change)["migration"]["kiosk"], "", types.versions["dtmi:acme:kiosk;1"], types["kiosk"]
    )

    assert problems == []
    assert steps.properties({"width": 1.5}) == {"breadth": 150, "trade_area": "transport"}
