"""The @context of an element: language version and extensions that hold for it and for what is inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .dtmi import is_dtmi, version_of, without_version
from .extensions import EXTENSIONS, SEMANTIC_TYPES_OF_2, Cotype, Extension
from .faults import Rule, Spot
from .jsontext import Json

LANGUAGE = "dtmi:dtdl:context"
_IOTCENTRAL = "dtmi:iotcentral:context;2"


@dataclass(frozen=True, slots=True)
class ActiveContext:
    """Specifiers by de-versioned identifier, and what they mean; `undefined` are extensions nobody here knows."""

    version: int
    specifiers: Mapping[str, str]
    extensions: tuple[Extension, ...] = ()
    undefined: tuple[str, ...] = ()
    schemas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def cotype(self, name: str) -> Cotype | None:
        for extension in self.extensions:
            if name in extension.cotypes:
                return extension.cotypes[name]
        return None


def combine(
    outer: ActiveContext | None, value: Json, spot: Spot, *, versions: tuple[int, ...], allow_undefined: bool | None
) -> ActiveContext | None:
    """The context that `value` makes inside `outer` (None at the top level); None when no language version results."""
    given = _specifiers(value, spot)
    if given is None:
        return None
    specifiers = dict(outer.specifiers) if outer else {}
    specifiers.update({without_version(each): each for each in given})
    version = _language(specifiers.get(LANGUAGE), spot, versions)
    if version is None:
        return None
    _check_order(given, version, spot, is_top=outer is None)
    places = {each: spot.at(index) if isinstance(value, list) else spot for index, each in enumerate(given)}
    for each, place in places.items():
        if not is_dtmi(each, version):
            place.fault(Rule.CONTEXT_DTMI, f"{each!r} is not a DTMI of DTDL version {version}")
    is_allowed = version == 2 if allow_undefined is None else allow_undefined
    return _activate(version, specifiers, places, allow_undefined=is_allowed)


def _specifiers(value: Json, spot: Spot) -> list[str] | None:
    items = value if isinstance(value, list) else [value]
    given = []
    for index, item in enumerate(items):
        place = spot.at(index) if isinstance(value, list) else spot
        if not isinstance(item, str):
            place.fault(Rule.CONTEXT_SHAPE, "must be a string or an array of strings")
        elif not is_dtmi(item):
            place.fault(Rule.CONTEXT_DTMI, f"{item[:200]!r} is not a DTMI")
        elif version_of(item) is None:
            place.fault(Rule.CONTEXT_UNVERSIONED, f"{item!r} has no version")
        else:
            given.append(item)
    return given if len(given) == len(items) else None


def _language(specifier: str | None, spot: Spot, versions: tuple[int, ...]) -> int | None:
    if specifier is None:
        spot.fault(Rule.CONTEXT_LANGUAGE, f"names no version of the language, like '{LANGUAGE};3'")
        return None
    for version in versions:
        if specifier == f"{LANGUAGE};{version}":
            return version
    spot.fault(Rule.CONTEXT_LANGUAGE_VERSION, f"{specifier!r} is not a version that is read here: {versions}")
    return None


def _check_order(given: list[str], version: int, spot: Spot, *, is_top: bool) -> None:
    language = f"{LANGUAGE};{version}"
    if language not in given:
        if is_top:
            spot.fault(Rule.CONTEXT_LANGUAGE, f"must include {language!r}")
        return
    before = given[: len(given) - given[::-1].index(language)]
    early = {language, _IOTCENTRAL} if version == 2 else {each for each in before if without_version(each) == LANGUAGE}
    wrong = [each for each in before if each not in early]
    if wrong:
        spot.fault(Rule.CONTEXT_ORDER, f"{language!r} must come before {wrong[0]!r}")


def _activate(
    version: int, specifiers: dict[str, str], places: dict[str, Spot], *, allow_undefined: bool
) -> ActiveContext:
    for specifier, spot in places.items():
        # Also a specifier that another of the same name, further down or later, puts out of force.
        if not (allow_undefined or specifier in EXTENSIONS or without_version(specifier) == LANGUAGE):
            spot.fault(Rule.CONTEXT_UNDEFINED, f"extension {specifier!r} is not known here")
    active = [each for each in specifiers.values() if without_version(each) != LANGUAGE]
    known = [EXTENSIONS[each] for each in active if each in EXTENSIONS]
    extensions = [SEMANTIC_TYPES_OF_2, *known] if version == 2 else known
    undefined = tuple(each for each in active if each not in EXTENSIONS)
    usable = [extension for extension in extensions if version in extension.versions]
    schemas = {name: enum for extension in usable for name, enum in extension.schemas.items()}
    return ActiveContext(version, specifiers, tuple(extensions), undefined, schemas)
