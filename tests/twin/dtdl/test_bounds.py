from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.twin.domain.dtdl import Fault, Options, Rule, parse, validate

from .cases import V2, V3, Doc, array, component, field, interface, obj, telemetry

MIB = 1024 * 1024


def _rules(faults: list[Fault]) -> set[Rule]:
    return {fault.rule for fault in faults}


@pytest.mark.parametrize("text", ["[" * 1000, '{"a":' * 1000, "[" * 1000 + "]" * 1000, '[{"a":' * 100_000])
def test_a_text_nested_too_deep_is_a_fault(text: str) -> None:
    assert _rules(validate(text)) == {Rule.JSON_DEPTH}


def test_brackets_inside_strings_do_not_nest() -> None:
    document = interface(comment="[{" * 200 + '\\"', displayName="[" * 300)

    assert validate(json.dumps(document)) == []


@pytest.mark.parametrize("levels", [300, 200_000])
def test_a_value_nested_too_deep_is_a_fault(levels: int) -> None:
    value: Any = []
    for _ in range(levels):
        value = [value]

    assert _rules(validate(value)) == {Rule.JSON_DEPTH}


def test_a_value_that_holds_itself_is_a_fault() -> None:
    document = interface()
    document["contents"] = document

    assert _rules(validate(document)) == {Rule.JSON_DEPTH}


def test_a_value_that_unfolds_without_end_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.twin.domain.dtdl.jsontext.MOST_VALUES", 10_000)
    value: Any = []
    for _ in range(100):
        value = [value, value]

    assert _rules(validate(value)) == {Rule.JSON_SIZE}


def test_a_text_larger_than_the_caller_wants_is_a_fault() -> None:
    text = json.dumps(interface(comment="x" * 100))

    assert validate(text, options=Options(most_bytes=len(text))) == []
    assert _rules(validate(text, options=Options(most_bytes=len(text) - 1))) == {Rule.JSON_SIZE}


def _padded(document: Doc, size: int) -> str:
    """The document with white space inside, of that many bytes in all."""
    text = json.dumps(document)
    return text[:-1] + " " * (size - len(text)) + "}"


def test_the_text_of_an_interface_has_at_most_a_mebibyte() -> None:
    assert validate(_padded(interface(), MIB)) == []
    assert _rules(validate(_padded(interface(), MIB + 1))) == {Rule.INTERFACE_SIZE}
    assert validate(f"  {_padded(interface(), MIB)}\n") == []
    assert _rules(validate(_padded(interface(displayName="品规"), MIB + 1).encode())) == {Rule.INTERFACE_SIZE}
    assert validate(_padded(interface(context=V2), MIB + 1)) == []


def test_the_text_of_an_interface_counts_without_those_inside_it() -> None:
    inner = _padded({"@type": "Interface", "@id": "dtmi:ex:inner;1"}, MIB)
    outer = json.dumps(interface(component("HERE"))).replace('"HERE"', inner)

    assert validate(outer) == []
    faults = validate(outer[:-1] + " " * MIB + "}")
    assert [(fault.rule, fault.pointer) for fault in faults] == [(Rule.INTERFACE_SIZE, "")]
    faults = validate(outer.replace(inner, inner[:-1] + " }"))
    assert [(fault.rule, fault.pointer) for fault in faults] == [(Rule.INTERFACE_SIZE, "/contents/0/schema")]


def test_a_document_of_many_interfaces_may_be_large() -> None:
    documents = [interface(telemetry(), id=f"dtmi:ex:i{number};1") for number in range(3000)]

    assert len(parse(json.dumps(documents, indent=30))) == 3000


def test_faults_are_bounded() -> None:
    document = interface(*(telemetry(name="") for _ in range(5000)))

    assert len(validate(document)) == 1000
    assert len(validate(document, options=Options(most_faults=7))) == 7


def test_a_chain_of_thousands_of_interfaces_is_a_fault_without_recursion() -> None:
    chain = [interface(id=f"dtmi:ex:i{number};1", extends=f"dtmi:ex:i{number + 1};1") for number in range(5_000)]
    end = interface(id="dtmi:ex:i5000;1")
    back = interface(id="dtmi:ex:i5000;1", extends="dtmi:ex:i0;1")

    assert Rule.EXTENDS_DEPTH in _rules(validate([*chain, end]))
    assert _rules(validate([*chain, back])) == {Rule.CYCLE}


def test_a_chain_of_thousands_of_schemas_is_a_fault_without_recursion() -> None:
    schemas = [array(f"dtmi:ex:s{number + 1};1", id_=f"dtmi:ex:s{number};1") for number in range(5_000)]
    last = array(id_="dtmi:ex:s5000;1")

    assert _rules(validate(interface(schemas=[*schemas, last]))) == {Rule.SCHEMA_DEPTH}


def test_schemas_that_unfold_to_billions_are_one_graph() -> None:
    schemas = [
        obj(*(field(f"dtmi:ex:s{level + 1};1", f"f{each}") for each in range(100)), id_=f"dtmi:ex:s{level};1")
        for level in range(4)
    ]
    model = parse(interface(telemetry("dtmi:ex:s0;1"), schemas=[*schemas, array(id_="dtmi:ex:s4;1")]))

    assert len(model.interface("dtmi:ex:thing;1").schemas) == 5


def test_a_model_too_entangled_to_be_checked_is_a_fault() -> None:
    bases = [interface(telemetry(name=f"t{number}"), id=f"dtmi:ex:b{number};1") for number in range(50)]
    heirs = [interface(id=f"dtmi:ex:h{number};1", extends=[base["@id"] for base in bases]) for number in range(50)]

    assert validate([*bases, *heirs]) == []
    assert _rules(validate([*bases, *heirs], options=Options(most_steps=1000))) == {Rule.MODEL_SIZE}


@pytest.mark.parametrize("kind", ["contents", "text", "languages", "types", "twice"])
def test_ten_megabytes_are_judged_in_bounded_time(kind: str) -> None:
    large = {
        "contents": lambda: json.dumps(interface(*(telemetry(name=f"t{number}_") for number in range(155_000)))),
        "text": lambda: json.dumps(interface(comment="x" * 10 * MIB)),
        "languages": lambda: json.dumps(interface(displayName={f"l{number}": "x" for number in range(650_000)})),
        "types": lambda: json.dumps(interface() | {"@type": ["Interface"] + ["x"] * 2_000_000}),
        "twice": lambda: "{" + ",".join(['"a":1'] * 1_700_000) + "}",
    }[kind]()
    assert len(large) > 9 * MIB or kind == "twice"
    begun = time.process_time()

    faults = validate(large)

    assert 0 < len(faults) <= 1000
    assert time.process_time() - begun < 30


def test_a_name_of_a_megabyte_is_not_written_before_every_place_below_it() -> None:
    name = "n" * MIB
    below = ",".join(['{"a": 1, "a": 1}'] * 100_000)

    faults = validate(f'{{"{name}": [{below}]}}')
    values = validate({name: [[] for _ in range(100_000)] + [object()]})

    assert 0 < len(faults) < 50
    assert _rules(faults) <= {Rule.JSON_DUPLICATE, Rule.CONTEXT_MISSING}
    assert [(fault.rule, fault.pointer) for fault in values] == [(Rule.JSON_TYPE, f"/{name}/100000")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = """
@context @id @type @graph @value name schema contents extends schemas fields enumValues enumValue valueSchema mapKey
mapValue elementSchema request response properties target writable comment description displayName unit annotates
"""
WORDS = f"""
{V3} {V2} dtmi:dtdl:extension:quantitativeTypes;1 Interface Telemetry Property Command Relationship Component Array Enum
Map Object Field MapKey Temperature double string integer kelvin dtmi:ex:a;1 dtmi:ex:b;1 dtmi:ex:thing;1
"""
LIKE_DTDL = st.recursive(
    st.sampled_from(WORDS.split()) | JSON,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, min_size=1, max_size=6)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(NAMES.split()), LIKE_DTDL, max_size=8))
@settings(max_examples=60)
def test_any_document_is_judged_without_an_exception(members: Doc) -> None:
    for document in (members, interface() | members, interface(telemetry() | members), interface(telemetry(members))):
        if not validate(document):
            parse(document)


@given(st.text(max_size=50) | st.binary(max_size=50))
def test_any_text_is_judged_without_an_exception(text: str | bytes) -> None:
    validate(text)
