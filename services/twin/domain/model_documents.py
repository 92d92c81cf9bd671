"""Documents of models: their elements, checked together, and what of DTDL twins have no place for.

text ── elements_of ──▶ Elements (of files, of the table, of a request) ── read_models ──▶ ModelSet, or every fault
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.errors import Invalid, Problem
from services.twin.domain.dtdl import Component, Content, Interface, ModelErrors, ModelSet, Options, Relationship, parse
from services.twin.domain.dtdl.dtmi import version_of, without_version
from services.twin.domain.dtdl.faults import FaultLog, Spot
from services.twin.domain.dtdl.jsontext import read_text

MOST_BYTES = 1024 * 1024
MOST_INTERFACES = 500
DEEPEST = 64
MOST_FAULTS = 1000
OPTIONS = Options(allow_undefined_extensions=False, deepest=DEEPEST, most_faults=MOST_FAULTS)


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One interface of a document: `document` names the file (empty: a request), `pointer` its place there."""

    value: Mapping[str, Any]
    pointer: str = ""
    document: str = ""
    is_shipped: bool = False

    @property
    def dtmi(self) -> str:
        return str(self.value.get("@id", ""))

    @property
    def text(self) -> str:
        return json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))

    def problem(self, pointer: str, rule: str, message: str) -> Problem:
        """A fault at a place of this element, with the name of its file."""
        place = f"{self.pointer}{pointer}"
        return Problem(f"{self.document}#{place}" if self.document else place, str(rule), message)


class ModelFaults(Invalid):
    """Models that cannot be used; the message has every fault, as a start that is refused shows nothing else."""

    default_code = "invalid_model"

    def __init__(self, problems: Sequence[Problem]) -> None:
        told = "\n".join(f"{each.pointer}: {each.rule}: {each.message}" for each in problems[:100])
        super().__init__(f"the models cannot be used\n{told}", errors=list(problems))


def short_name(dtmi: str) -> str:
    """The name by which twins say their type: the last part of the path."""
    return without_version(dtmi).rpartition(":")[2]


def elements_of(text: str | bytes, *, document: str = "", is_shipped: bool = False, root: str = "") -> list[Element]:
    """The interfaces of a JSON text: one object, or an array of them; raises ModelFaults where it is neither."""
    log = FaultLog(MOST_FAULTS)
    read = read_text(text, Spot(log, 0), deepest=DEEPEST, largest=MOST_BYTES)
    faults = log.faults()
    if read is None or faults:
        whole = Element({}, root, document)
        raise ModelFaults([whole.problem(each.pointer, each.rule, each.message) for each in faults])
    return elements_in(read[0], document=document, is_shipped=is_shipped, root=root)


def elements_in(value: object, *, document: str = "", is_shipped: bool = False, root: str = "") -> list[Element]:
    """As `elements_of`, of a value."""
    items: list[object] = value if isinstance(value, list) else [value]
    places = [f"{root}/{index}" if isinstance(value, list) else root for index in range(len(items))]
    wrong = [
        Element({}, place, document).problem("", "root-shape", "must be an interface, or an array of interfaces")
        for place, item in zip(places, items, strict=True)
        if not isinstance(item, dict)
    ]
    if len(items) > MOST_INTERFACES:
        message = f"has {len(items)} interfaces, more than {MOST_INTERFACES}"
        wrong = [Element({}, root, document).problem("", "too-many-interfaces", message)]
    if wrong:
        raise ModelFaults(wrong)
    return [
        Element(item, place, document, is_shipped)
        for place, item in zip(places, items, strict=True)
        if isinstance(item, dict)
    ]


def read_models(elements: Sequence[Element]) -> tuple[ModelSet, Sequence[Element]]:
    """The model that the elements make together; raises ModelFaults with every fault."""
    try:
        models = parse(*(element.value for element in elements), options=OPTIONS)
    except ModelErrors as error:
        raise ModelFaults(
            [elements[each.document].problem(each.pointer, each.rule, each.message) for each in error.faults]
        ) from None
    problems = [*_places(models, elements), *_names(elements)]
    if problems:
        raise ModelFaults(problems)
    return models, elements


def read_what_stands(
    elements: Sequence[Element], kept: Collection[str]
) -> tuple[ModelSet, Sequence[Element], list[Problem]]:
    """As `read_models`, without those of the kept documents that no longer go with the others, and why they do not.

    What we ship grows: a name that it takes may be one that a customer has given.
    """
    dropped: list[Problem] = []
    while True:
        try:
            return (*read_models(elements), dropped)
        except ModelFaults as faults:
            wrong = {each.pointer.partition("#")[0] for each in faults.errors} & set(kept)
            if not wrong:
                raise
            dropped += [each for each in faults.errors if each.pointer.partition("#")[0] in wrong]
            elements = [each for each in elements if each.document not in wrong]


def _names(elements: Sequence[Element]) -> Iterator[Problem]:
    """Twins say their type by its short name: one path a name."""
    paths = {short_name(each.dtmi): without_version(each.dtmi) for each in elements if each.is_shipped}
    for element in elements:
        name, path = short_name(element.dtmi), without_version(element.dtmi)
        if paths.setdefault(name, path) != path:
            message = f"twins of {paths[name]} are called {name} already; end the identifier with another word"
            yield element.problem("/@id", "name-taken", message)
        if version_of(element.dtmi) is None:
            yield element.problem("/@id", "version-missing", "end the identifier with a version, e.g. ;1")


def _places(models: ModelSet, elements: Iterable[Element]) -> Iterator[Problem]:
    """What a twin has no place for."""
    defined = set()
    for element in elements:
        interface = models.interface(element.dtmi)
        defined.add(interface.dtmi)
        for place, content in _own(interface, element):
            if isinstance(content, Relationship):
                yield from _of_relationship(content, models, element, place)
            elif isinstance(content, Component) and _has_relationships(models.interface(content.schema)):
                message = "a component has no relations of its own here; give them to the interface that has it"
                yield element.problem(f"{place}/schema", "component-relationships", message)
    for dtmi in models:
        if dtmi not in defined:
            owner = next(each for each in elements if _mentions(each.value, dtmi))
            yield owner.problem("", "inline-interface", f"give {dtmi} an element of its own, and name it here")


def _of_relationship(content: Relationship, models: ModelSet, element: Element, place: str) -> Iterator[Problem]:
    if content.properties:
        message = "relations of twins have no properties; make a type of twins between the two instead"
        yield element.problem(f"{place}/properties", "relationship-properties", message)
    if content.target is not None and content.target not in models:
        message = f"there is no {content.target}, so that no twin could be a target"
        yield element.problem(f"{place}/target", "target-unknown", message)


def _has_relationships(interface: Interface) -> bool:
    return any(isinstance(each, Relationship) for each in interface.contents.values())


def _own(interface: Interface, element: Element) -> Iterator[tuple[str, Content]]:
    """The contents of an interface with their places, where they are written with plain names."""
    listed = element.value.get("contents", [])
    items = listed if isinstance(listed, list) else [listed]
    places = {
        item["name"]: f"/contents/{index}" if isinstance(listed, list) else "/contents"
        for index, item in enumerate(items)
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    return ((places.get(name, ""), content) for name, content in interface.own.items())


def _mentions(value: object, dtmi: str) -> bool:
    """Whether an element within the value has that identifier; values are at most 64 levels deep."""
    if isinstance(value, dict):
        return value.get("@id") == dtmi or any(_mentions(each, dtmi) for each in value.values())
    return isinstance(value, list) and any(_mentions(each, dtmi) for each in value)
