"""Twins and queries that hypothesis makes up: few names and few values, so that they meet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from services.twin.domain.twins import Origin, Relation, Twin

NOW = datetime(2026, 3, 1, tzinfo=UTC)
IDS = [f"retailer:R{number}" for number in range(5)]
NAMES = ["a", "b", "0", "名 称", "x/y~z", "%_\"'"]
RELATIONS = ["located_in", "served_by"]

TEXTS = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "aB",
        "a%b",
        "a_b",
        "a*b",
        "a?b",
        "a\\b",
        "红双喜",
        "红双",
        "é",
        "É",
        "ſ",
        "K",
        "\n",
        "😀",
        "\ue000",
        "1",
        "1.0",
        "12.50",
        "-3",
        "1e3",
        "0.1",
        " 1",
        "1\n",
        "true",
        "null",
        "'; DROP TABLE twin.twin; --",
        '"',
        "'",
        ":p0",
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
INTEGERS = st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 10**22, 10**23, 2**64, 10**40]) | st.integers(
    -3, 3
)
FLOATS = st.sampled_from(
    [0.0, -0.0, 0.1, 0.3, 0.1 + 0.2, 1.0, 1.5, -2.5, 2.0**53, 1e22, 1e23, 1e308, 5e-324, 12.5, 1.7976931348623157e308]
) | st.floats(allow_nan=False, allow_infinity=False)
EVERY_VALUE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**53,
        2**53 + 1,
        10**22,
        10**23,
        2**64,
        10**40,
        [],
        {},
        [1],
        ["a"],
        {"a": 1},
        [None],
    ),
    *(0.1, 0.3, 0.1 + 0.2, 1.0, 1.5, -2.5, 2.0**53, 1e22, 1e23, 1e308, 5e-324, 12.5, 1.7976931348623157e308, -0.0),
    *(
        "",
        "a",
        "A",
        "ab",
        "aB",
        "a%b",
        "a_b",
        "a*b",
        "a?b",
        "a\\b",
        "\\",
        "红双喜",
        "红双",
        "é",
        "É",
        "😀",
        "\ue000",
        "\n",
        "1\n",
    ),
    *(
        "1",
        "1.0",
        "12.50",
        "-3",
        "1e3",
        "0.1",
        " 1",
        "true",
        "null",
        "[]",
        "'; DROP TABLE twin.twin; --",
        '"',
        "'",
        ":p0",
    ),
]
EVERY_NUMBER = [
    *("0", "-0", "1", "1.0", "1E0", "0.1", "0.3", "0.30000000000000004", "0.30000000000000005", "1.5", "12.5", "-3"),
    *("9007199254740992", "9007199254740992.5", "9007199254740993", "1e22", "1e23", "99999999999999991611392"),
    *("1.8e308", "1.7976931348623157e308", "-1e400", "5e-324", "1e-400", "9" * 64 + "e300"),
]
EVERY_PATTERN = [
    "",
    "*",
    "?",
    "a*",
    "*b",
    "a?b",
    "a\\*b",
    "a\\?b",
    "*%*",
    "*_*",
    "\\\\",
    "红*",
    "??喜",
    "A*",
    "É",
    "*\n",
    "1?",
    "*a*b*",
]
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
STATES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)


@st.composite
def markets(draw: st.DrawFn) -> list[Twin]:
    """Up to five twins that point at each other, at themselves and at nobody."""
    twins = []
    for twin_id in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=5)):
        edges = st.builds(Relation, st.sampled_from(RELATIONS), st.sampled_from([*IDS, "region:US"]))
        known_at = NOW + timedelta(microseconds=draw(st.integers(-1, 1)))
        twins.append(
            Twin(
                id=twin_id,
                model=draw(st.sampled_from(["retailer", "region"])),
                revision=draw(st.integers(1, 3)),
                properties=draw(STATES),
                desired=draw(STATES),
                relations=tuple(
                    sorted(draw(st.frozensets(edges, max_size=3)), key=lambda edge: (edge.name, edge.target))
                ),
                origin=Origin.of(NOW, known_at, draw(st.sampled_from(["", "crm", "CRM"])), ""),
                deleted=draw(st.integers(0, 9)) == 0,
            )
        )
    return twins


def quoted(text: str) -> str:
    """The text as a literal of a query."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_writable(text: str) -> bool:
    """Whether a query may hold the text."""
    return all(character in "\t\n\r" or (character >= " " and character != "\x7f") for character in text)


def _segment(name: str) -> str:
    escaped = name.replace("%", "%25").replace(" ", "%20").replace('"', "%22").replace("'", "%27")
    return escaped.replace("~", "~0").replace("x/y", "x~1y")


def literal(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value)


NUMBERS = st.one_of(
    INTEGERS.map(str),
    FLOATS.map(repr),
    st.sampled_from(
        ["0.1", "0.10", "0.3", "0.30000000000000004", "0.30000000000000005", "1e23", "99999999999999991611392"]
    ),
    st.sampled_from(
        ["9007199254740992.5", "9007199254740993", "1E0", "-0", "12.5", "1.8e308", "1e-308", "9" * 64 + "e308"]
    ),
)
WRITABLE = TEXTS.filter(is_writable)
LITERALS = NUMBERS | WRITABLE.map(quoted) | st.sampled_from(["true", "false", "null"])
ORDERED = NUMBERS | WRITABLE.map(quoted)
JSON_FIELDS = st.builds(
    lambda root, names: "/".join([root, *map(_segment, names)]),
    st.sampled_from(["properties", "desired"]),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
)
NUMBER_FIELDS = JSON_FIELDS.map(lambda field: f"number({field})")
TEXT_FIELDS = st.sampled_from(["id", "model", "source"])
EDGES = st.sampled_from(RELATIONS).map(lambda name: f"relations/{name}")
EQUALS = st.sampled_from(["eq", "ne"])
ORDERS = st.sampled_from(["gt", "ge", "lt", "le"])
SOME_TEXTS = st.sampled_from([*IDS, "retailer", "region", "crm", "", "retailer:R"]).map(quoted)
TIMES = st.integers(-2, 2).map(lambda shift: quoted((NOW + timedelta(microseconds=shift)).isoformat()))
PATTERNS = (
    st.lists(st.sampled_from(["*", "?", "\\*", "\\?", "\\\\", "a", "B", "%", "_", "红", "é", "1"]), max_size=5).map(
        "".join
    )
    | WRITABLE
).map(quoted)


def _call(operator: str, field: str, *values: str) -> str:
    return f"{operator}({','.join([field, *values])})"


def _within(fields: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda field, many: _call("in", field, *many), fields, st.lists(values, min_size=1, max_size=3))


LEAVES = st.one_of(
    st.builds(_call, EQUALS, JSON_FIELDS, LITERALS),
    st.builds(_call, ORDERS, JSON_FIELDS, ORDERED),
    _within(JSON_FIELDS, LITERALS),
    st.builds(_call, st.sampled_from(["like", "ilike"]), JSON_FIELDS | TEXT_FIELDS | EDGES, PATTERNS),
    st.builds(_call, EQUALS | ORDERS, NUMBER_FIELDS, NUMBERS),
    _within(NUMBER_FIELDS, NUMBERS),
    st.builds(_call, EQUALS | ORDERS, TEXT_FIELDS, SOME_TEXTS),
    _within(TEXT_FIELDS, SOME_TEXTS),
    st.builds(_call, EQUALS | ORDERS, st.just("revision"), NUMBERS),
    st.builds(_call, EQUALS | ORDERS, st.sampled_from(["changed_at", "known_at"]), TIMES),
    _within(st.just("known_at"), TIMES),
    st.builds(_call, EQUALS, EDGES, SOME_TEXTS),
    _within(EDGES, SOME_TEXTS),
    st.builds(
        _call,
        st.sampled_from(["exists", "empty"]),
        JSON_FIELDS
        | NUMBER_FIELDS
        | TEXT_FIELDS
        | EDGES
        | st.sampled_from(["properties", "desired", "revision", "known_at"]),
    ),
    st.builds(_call, st.just("eq"), st.just("properties"), LITERALS),
)
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda name, parts: f"{name}({', '.join(parts)})",
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=4),
        ),
        inner.map(lambda part: f"not( {part} )"),
        st.builds(lambda name, part: f"related({name},{part})", st.sampled_from(RELATIONS), inner),
    ),
    max_leaves=5,
).filter(lambda text: text.count("related(") <= 3)
