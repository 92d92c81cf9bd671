from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.twin.domain import dtdl
from services.twin.domain.dtdl import (
    ArraySchema,
    Command,
    Component,
    EnumSchema,
    Geospatial,
    MapSchema,
    ModelErrors,
    ObjectSchema,
    Options,
    Primitive,
    Property,
    Relationship,
    Rule,
    Telemetry,
    UnitSchema,
    parse,
    validate,
)

from .cases import (
    QUANTITATIVE,
    V2,
    V3,
    array,
    command,
    component,
    enum,
    field,
    interface,
    map_of,
    obj,
    prop,
    relationship,
    telemetry,
)
from .quantity_cases import ROWS

PACKAGE = Path(dtdl.__file__).parent


def test_every_kind_of_content_is_in_the_model() -> None:
    document = interface(
        telemetry(
            type_=["Telemetry", "Temperature"], unit="kelvin", name="heat", displayName={"en": "Heat", "zh": "温度"}
        ),
        prop("point", name="place", writable=True, comment="where"),
        command(request=field("dateTime", "at"), response=field(enum("ok", kind="string"), "result")),
        relationship(target="dtmi:ex:other;1", maxMultiplicity=3, properties=[prop(name="since")]),
        component("dtmi:ex:part;1"),
        context=[V3, QUANTITATIVE],
    )
    model = parse(document, interface(id="dtmi:ex:part;1", description="A part"))

    contents = model.interface("dtmi:ex:thing;1").contents
    heat, place, act = contents["heat"], contents["place"], contents["act"]
    link, part = contents["link"], contents["part"]
    assert isinstance(heat, Telemetry)
    assert (heat.schema, heat.unit, heat.cotypes) == (Primitive("double"), "kelvin", ("Temperature",))
    assert heat.display_name == {"en": "Heat", "zh": "温度"}
    assert isinstance(place, Property)
    assert (place.schema, place.writable, place.comment) == (Geospatial("point"), True, "where")
    assert isinstance(act, Command)
    assert act.request is not None
    assert (act.request.name, act.request.schema) == ("at", Primitive("dateTime"))
    assert act.response is not None
    assert isinstance(act.response.schema, EnumSchema)
    assert [(each.name, each.value) for each in act.response.schema.values] == [("n0", "ok")]
    assert isinstance(link, Relationship)
    assert (link.target, link.min_multiplicity, link.max_multiplicity) == ("dtmi:ex:other;1", 0, 3)
    assert list(link.properties) == ["since"]
    assert isinstance(part, Component)
    assert model.interface(part.schema).description == {"en": "A part"}


def test_schemas_are_resolved_where_they_are_referred_to() -> None:
    point = obj(field("double", "x"), field("dtmi:ex:names;1", "names"), id_="dtmi:ex:point;1")
    names = map_of(array("TemperatureUnit"), id_="dtmi:ex:names;1")
    document = interface(telemetry("dtmi:ex:point;1"), schemas=[point, names], context=[V3, QUANTITATIVE])

    thing = parse(document).interface("dtmi:ex:thing;1")
    content = thing.contents["value"]

    assert isinstance(content, Telemetry)
    assert isinstance(content.schema, ObjectSchema)
    assert content.schema is thing.schemas["dtmi:ex:point;1"]
    inner = content.schema.fields["names"].schema
    assert isinstance(inner, MapSchema)
    assert isinstance(inner.value.schema, ArraySchema)
    assert inner.value.schema.element == UnitSchema("TemperatureUnit", ("degreeCelsius", "degreeFahrenheit", "kelvin"))


def test_inherited_contents_know_the_interface_that_defines_them() -> None:
    base = interface(prop(name="a"), id="dtmi:ex:base;1")
    left = interface(prop(name="b"), id="dtmi:ex:left;1", extends="dtmi:ex:base;1")
    right = interface(prop(name="c"), id="dtmi:ex:right;1", extends=["dtmi:ex:base;1"])
    model = parse(interface(prop(name="d"), extends=["dtmi:ex:left;1", "dtmi:ex:right;1"]), left, right, base)

    thing = model.interface("dtmi:ex:thing;1")

    defined = {name: content.defined_in.split(":")[2] for name, content in thing.contents.items()}
    assert defined == {"a": "base;1", "b": "left;1", "c": "right;1", "d": "thing;1"}
    assert list(thing.own) == ["d"]
    assert thing.ancestors == ("dtmi:ex:left;1", "dtmi:ex:right;1", "dtmi:ex:base;1")
    assert thing.is_a("dtmi:ex:base;1")
    assert not model.interface("dtmi:ex:base;1").is_a("dtmi:ex:thing;1")


def test_a_model_cannot_be_changed() -> None:
    model = parse(interface(prop()))
    thing = model.interface("dtmi:ex:thing;1")

    with pytest.raises(dataclasses.FrozenInstanceError):
        thing.contents["value"].name = "x"  # type: ignore[misc]  # that it is refused is what is tested
    for mapping in (thing.contents, thing.own, thing.schemas, thing.display_name, model.interfaces):
        with pytest.raises((TypeError, AttributeError)):
            mapping["x"] = None  # type: ignore[index]  # as above


def test_an_interface_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        parse(interface()).interface("dtmi:ex:nothing;1")


def test_versions_of_a_model_stand_side_by_side() -> None:
    model = parse(
        interface(), interface(id="dtmi:ex:thing;2"), interface(id="dtmi:ex:thing"), interface(id="dtmi:ex:thing;1.1")
    )

    assert list(model) == ["dtmi:ex:thing;1", "dtmi:ex:thing;2", "dtmi:ex:thing", "dtmi:ex:thing;1.1"]


def test_an_undefined_co_type_keeps_its_members_for_who_knows_them() -> None:
    document = interface(
        telemetry(type_=["Telemetry", "Flavor"], taste={"sweet": [1]}), context=[V3, "dtmi:ex:unknown;1"]
    )

    thing = parse(document, options=Options(allow_undefined_extensions=True)).interface("dtmi:ex:thing;1")

    assert thing.contents["value"].cotypes == ("Flavor",)
    assert thing.contents["value"].extras == {"taste": {"sweet": [1]}}


def test_resolving_asks_until_nothing_is_missing() -> None:
    documents = {
        "dtmi:ex:a;1": interface(id="dtmi:ex:a;1", extends="dtmi:ex:b;1"),
        "dtmi:ex:b;1": json.dumps(interface(prop(), id="dtmi:ex:b;1")),
    }
    asked = []

    def resolve(wanted: Sequence[str]) -> list[object]:
        asked.append(list(wanted))
        return [documents[each] for each in wanted if each in documents]

    model = parse(interface(extends="dtmi:ex:a;1"), resolve=resolve)

    assert asked == [["dtmi:ex:a;1"], ["dtmi:ex:b;1"]]
    assert list(model.interface("dtmi:ex:thing;1").contents) == ["value"]


def test_what_resolving_does_not_bring_is_a_fault_and_asked_for_once() -> None:
    asked = []

    def resolve(wanted: Sequence[str]) -> list[object]:
        asked.append(list(wanted))
        return [interface(id="dtmi:ex:other;1", extends="dtmi:ex:more;1")] if len(asked) == 1 else []

    faults = validate(interface(extends="dtmi:ex:no;1"), resolve=resolve)

    assert asked == [["dtmi:ex:no;1"], ["dtmi:ex:more;1"]]
    assert [(fault.rule, fault.document, fault.pointer) for fault in faults] == [
        (Rule.REFERENCE_UNRESOLVED, 0, "/extends"),
        (Rule.REFERENCE_UNRESOLVED, 1, "/extends"),
    ]


def test_a_fault_names_document_place_and_nearest_identifier() -> None:
    wrong = interface(telemetry(obj(field(name="a_")), id_="dtmi:ex:t;1"), id="dtmi:ex:b;1")

    (fault,) = validate(interface(), [wrong])

    assert (fault.rule, fault.document, fault.pointer) == (Rule.NAME_PATTERN, 1, "/0/contents/0/schema/fields/0/name")
    assert fault.element_id == "dtmi:ex:t;1"
    assert str(fault).startswith("name-pattern at document 1 /0/contents/0/schema/fields/0/name (dtmi:ex:t;1): ")


def test_several_faults_are_found_at_once_in_the_order_of_places() -> None:
    with pytest.raises(ModelErrors) as error:
        parse(interface(telemetry(name="_"), telemetry("nothing", name="b"), extends="dtmi:ex:no;1"))

    assert [fault.rule for fault in error.value.faults] == [
        Rule.NAME_PATTERN,
        Rule.REFERENCE_SYNTAX,
        Rule.REFERENCE_UNRESOLVED,
    ]
    assert not error.value.is_only_incomplete


def test_pointers_are_escaped() -> None:
    (fault,) = validate(interface() | {"a/b~c": 1})

    assert fault.pointer == "/a~1b~0c"


def test_a_caller_may_refuse_older_versions() -> None:
    faults = validate(interface(context=V2), options=Options(versions=(3,)))

    assert [fault.rule for fault in faults] == [Rule.CONTEXT_LANGUAGE_VERSION]


@pytest.mark.parametrize("versions", [(), (1,), (3, 4)])
def test_a_caller_cannot_ask_for_a_version_that_is_not_known(versions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="versions are of"):
        Options(versions=versions)


def test_the_models_of_the_product_are_valid() -> None:
    files = sorted((PACKAGE.parent / "models").glob("*.json"))

    model = parse(*(path.read_text(encoding="utf-8") for path in files))

    assert len(model) == len(files) > 0


def test_the_package_needs_nothing_but_the_standard_library() -> None:
    import ast

    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.partition(".")[0])
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1

    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(("kind", "enum_name", "unit", "count"), ROWS)
def test_every_kind_of_unit_has_as_many_units_as_the_extension_lists(
    kind: str, enum_name: str, unit: str, count: str
) -> None:
    model = parse(interface(prop(enum_name), context=[V3, QUANTITATIVE]))
    content = model.interface("dtmi:ex:thing;1").contents["value"]

    assert isinstance(content, Property)
    assert isinstance(content.schema, UnitSchema)
    assert len(set(content.schema.units)) == int(count)
    assert unit in content.schema.units, kind


def test_the_example_of_the_readme_runs() -> None:
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")

    exec(text.split("```python")[1].split("```")[0], {})
