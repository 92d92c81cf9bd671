"""Texts that are JSON, and texts that are not."""

from __future__ import annotations

import json
from collections.abc import Iterator

from services.twin.domain.dtdl import Rule

from .cases import Case, interface, telemetry

GOOD = json.dumps(interface(telemetry()))
NO_JSON = [
    *("", " ", "{", "}", "[", GOOD[:-1], GOOD + "x", GOOD + GOOD, f"[{GOOD},]", GOOD.replace("}", ",}", 1), "{'a': 1}"),
    *("// c\n" + GOOD, "/* c */" + GOOD, "nul", "True", '{"a" 1}', '{"a": }', "{a: 1}", '"\t"', '{"a": 01}'),
    *('{"a": 1.}', '{"a": .5}', '{"a": +1}', '{"a": 0x1}', '"\\x"', '"\\u12"', "\x00", "\ufeff\ufeff" + GOOD),
    '{"a": "\\ud800"}',
]


def all_cases() -> Iterator[Case]:
    yield Case("text", (GOOD,))
    yield Case("bytes", (GOOD.encode(),))
    yield Case("several texts", ([GOOD, json.dumps(interface(id="dtmi:ex:other;1"))],))
    yield Case("byte order mark", (b"\xef\xbb\xbf" + GOOD.encode(),))
    yield Case("white space around", (f"\r\n\t {GOOD} \n",))
    yield Case("escaped names", (GOOD.replace('"name"', '"n\\u0061me"'),))
    yield Case("astral character", (GOOD.replace('"name": "value"', '"name": "value", "comment": "\\ud83d\\ude00"'),))
    for number, text in enumerate(NO_JSON, start=1):
        yield Case(f"syntax {number}: {text[:20]!r}", (text,), Rule.JSON_SYNTAX)
    yield Case("not UTF-8", (b"\xff\xfe{}",), Rule.JSON_SYNTAX)
    yield Case("latin-1", ('{"a": "é"}'.encode("latin-1"),), Rule.JSON_SYNTAX)
    yield Case("lone surrogate", ('{"a": "\ud800"}',), Rule.JSON_SYNTAX)
    for number in ("NaN", "Infinity", "-Infinity", "1" * 5000):
        yield Case(f"number {number[:10]}", (f'[{{"a": {number}}}]',), Rule.JSON_NUMBER)
    yield Case("deep", ("[" * 300 + "]" * 300,), Rule.JSON_DEPTH)
    for title, text in {
        "name twice": GOOD.replace('"name": "value"', '"name": "value", "name": "value"'),
        "@id twice": GOOD.replace('"@id"', '"@id": "dtmi:a;1", "@id"'),
        "same name escaped": GOOD.replace('"name": "value"', '"name": "value", "n\\u0061me": "value"'),
    }.items():
        yield Case(title, (text,), Rule.JSON_DUPLICATE)
