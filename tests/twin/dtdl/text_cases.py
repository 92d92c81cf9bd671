"""Clauses on texts that the specification repeats for every class: comment, description, displayName, name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import Case, Sample, accept, reject, samples

LONG = "x" * 512
NO_CODES = "|e|EN|english|en_US|en-us|en-|zh-hans|en-USA|en-12|@value|@none|x-private"
LOCALIZED: list[Any] = [
    "",
    "d",
    LONG,
    [],
    {},
    ["d"],
    [{"@value": "d"}],
    {"en": "d"},
    {"zh": LONG, "en-US": "d"},
    {"zh-Hans-CN": "d", "es-419": "d", "haw": "d"},
    {"sr-Latn": "d"},
    [{"@value": "d", "@language": "de"}, {"@value": "d", "@language": "en"}],
    ["d", {"@value": "d", "@language": "en-US"}, {"@value": "e", "@language": "fr"}],
]


def _texts(sample: Sample) -> Iterator[Case]:
    name = sample.class_name
    at = f"{sample.pointer}/comment"
    typed = [{"@value": "c", "@type": f"{xsd}string"} for xsd in ("xsd:", "http://www.w3.org/2001/XMLSchema#")]
    for right in ("", "c", ["c"], [], LONG, {"@value": "c"}, [{"@value": "c"}], "注释" * 256, *typed):
        yield accept(f"{name}: comment {str(right)[:30]}", sample.with_(comment=right))
    for wrong in (1, None, True, 1.5, [1], [None]):
        yield reject(Rule.VALUE_STRING, None, f"{name}: comment {wrong}", sample.with_(comment=wrong))
    yield reject(Rule.VALUE_STRING, at, f"{name}: comment @value 1", sample.with_(comment={"@value": 1}))
    yield reject(Rule.VALUE_COUNT, at, f"{name}: two comments", sample.with_(comment=["a", "b"]))
    others = [{"@value": "c", "@type": wrong} for wrong in ("xsd:integer", ["xsd:string"], "string", 1)]
    more = [{"@value": "c", "x": 1}, {"@value": "c", "@language": "en"}, {"@type": "xsd:string"}]
    for wrong in ({}, {"en": "c"}, *others, *more):
        yield reject(Rule.VALUE_OBJECT, None, f"{name}: comment {wrong}", sample.with_(comment=wrong))
    yield reject(Rule.TEXT_LENGTH, at, f"{name}: long comment", sample.with_(comment=LONG + "x"))


def _localized(sample: Sample) -> Iterator[Case]:
    for member in ("description", "displayName"):
        yield from _localized_shapes(sample, member)
        yield from _localized_languages(sample, member)


def _localized_shapes(sample: Sample, member: str) -> Iterator[Case]:
    name, at = sample.class_name, f"{sample.pointer}/{member}"
    for right in LOCALIZED:
        yield accept(f"{name}: {member} {str(right)[:40]}", sample.with_named(member, right))
    for wrong in (1, None, True, 1.5):
        yield reject(Rule.LOCALIZABLE_SHAPE, at, f"{name}: {member} {wrong}", sample.with_named(member, wrong))
    for wrong in (1, None, ["d"]):
        listed = sample.with_named(member, [wrong])
        yield reject(Rule.LOCALIZABLE_SHAPE, f"{at}/0", f"{name}: {member} [{wrong}]", listed)
    yield reject(Rule.VALUE_STRING, f"{at}/0", f"{name}: {member} @value 1", sample.with_named(member, [{"@value": 1}]))
    for wrong in ({"en": "d"}, {"@language": "en"}, {"@value": "d", "@type": "xsd:string"}, {"@value": "d", "x": "y"}):
        listed = sample.with_named(member, [wrong])
        yield reject(Rule.VALUE_OBJECT, f"{at}/0", f"{name}: {member} [{wrong}]", listed)
    for wrong in (LONG + "x", {"en": LONG + "x"}, [LONG + "x"]):
        yield reject(Rule.TEXT_LENGTH, at, f"{name}: long {member}", sample.with_named(member, wrong))


def _localized_languages(sample: Sample, member: str) -> Iterator[Case]:
    name, at = sample.class_name, f"{sample.pointer}/{member}"
    for code in NO_CODES.split("|"):
        in_map = sample.with_named(member, {code: "d"})
        yield reject(Rule.LANGUAGE_CODE, f"{at}/{code}", f"{name}: {member} in {code!r}", in_map)
        tagged = sample.with_named(member, [{"@value": "d", "@language": code}])
        yield reject(Rule.LANGUAGE_CODE, f"{at}/0/@language", f"{name}: {member} tagged {code!r}", tagged)
    for wrong in (1, None, ["d"], {"@value": "d"}):
        in_map = sample.with_named(member, {"en": wrong})
        yield reject(Rule.VALUE_STRING, f"{at}/en", f"{name}: {member} en={wrong}", in_map)
    for wrong in (["a", "b"], ["a", {"@value": "b"}], ["a", {"@value": "b", "@language": "en"}]):
        yield reject(Rule.LANGUAGE_DEFAULT, at, f"{name}: {member} {wrong}", sample.with_named(member, wrong))
    twice = [{"@value": "a", "@language": "fr"}, {"@value": "b", "@language": "fr"}]
    yield reject(Rule.LANGUAGE_DUPLICATE, f"{at}/1", f"{name}: {member} twice in fr", sample.with_named(member, twice))


def _names(sample: Sample) -> Iterator[Case]:
    if "name" not in sample.element(sample.document):
        return
    name, at = sample.class_name, f"{sample.pointer}/name"
    for right in (
        "a",
        "A9",
        "a_b",
        "a__b",
        "aB9",
        "a" * 512,
        {"@value": "a"},
        [{"@value": "a", "@type": "xsd:string"}],
    ):
        yield accept(f"{name}: name {str(right)[:20]}", sample.with_(name=right))
    for wrong in ("", "_a", "a_", "9a", "a-b", "a b", "a.b", "a:b", "名", "é", "a\n", " a", "@a", "a$"):
        yield reject(Rule.NAME_PATTERN, at, f"{name}: name {wrong!r}", sample.with_(name=wrong))
    for wrong in (1, True, None):
        yield reject(Rule.VALUE_STRING, at, f"{name}: name {wrong!r}", sample.with_(name=wrong))
    yield reject(Rule.VALUE_OBJECT, None, f"{name}: name in languages", sample.with_(name={"en": "a"}))
    yield reject(Rule.TEXT_LENGTH, at, f"{name}: long name", sample.with_(name="a" * 513))


def all_cases() -> Iterator[Case]:
    for sample in samples():
        for clause in (_texts, _localized, _names):
            yield from clause(sample)
