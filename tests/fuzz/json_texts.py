"""JSON as senders write it, mostly alike and partly odd, and what a way of reading it tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.ingest.domain.decode import Limits, Malformed, Read, join
from tests.fuzz.bodies import examples

LIMITS = Limits(rows=60, columns=6)
NAMES = ["sku", "qty", "a", "b", "黄山", "", "a b", 'a"', "a\\", "\ud800", "\x01", "__class__"]
TEXTS = st.sampled_from(['"x"', '"黄山(硬)"', '""', '"\\u9ec4"', '"a\\nb"', '"}\\u000a{"', '"}, {"', "null"])
NUMBERS = st.sampled_from(
    ["0", "1", "26", "-7", "26.0", "1.50", "9007199254740993", "null", str(2**63), "1" + "0" * 25]
)
ODD = st.sampled_from(
    [
        *("-0", "-0.0", "-0 ", "1e5", "1E400", "NaN", "Infinity", "01", "+1", "9" * 5000, "true", "false", "tru", ""),
        *("[]", "[1,-0]", '["a",2.50]', "{}", '{"x":-0}', '{"x":{"y":[1]}}', "[" * 2000 + "]" * 2000),
        *('"\\ud800"', '"\\ud83d\\ude00"', '"😀"', '"\x01"', '"\n"', '"a', '"\\x"', "'a'", '"a"}\n{"b":"c"'),
    ]
)


@st.composite
def records(draw: st.DrawFn) -> list[str]:
    """Records of one sender as text: mostly alike, a few of them odd in one way or another."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    columns = [draw(st.sampled_from([TEXTS, TEXTS, NUMBERS])) for _ in names]
    found = []
    for _ in range(draw(st.integers(7, 14))):
        fields = [(json.dumps(name), draw(values)) for name, values in zip(names, columns, strict=True)]
        found.append("{" + ",".join(f"{name}:{value}" for name, value in fields) + "}")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(found) - 1))
        name = json.dumps(draw(st.sampled_from(NAMES)))
        odd = draw(ODD | TEXTS | NUMBERS)
        found[place] = draw(
            st.sampled_from(
                [
                    found[place][:-1] + f",{name}:{odd}}}",
                    f"{{{name}:{odd},{found[place][1:]}",
                    f"{{{name}:{odd}}}",
                    found[place].replace(",", " ,\t", 1),
                    found[place].replace(",", ",\n", 1),
                    found[place] + " ",
                    found[place][:-1],
                    found[place] + found[place],
                    *("", " ", "{}", "[]", "5", "null", odd, "\ufeff" + found[place], "\u3000"),
                ]
            )
        )
    return found


def outcome(work: Callable[[], Read | Malformed]) -> object:
    """All that a way of reading tells, or its refusal."""
    try:
        found = work()
    except Malformed as error:
        found = error
    if isinstance(found, Malformed):
        return found.pointer, found.message, found.code
    decoded = join([found])
    columns = {name: values.to_list() for name, values in decoded.columns.items()}
    return list(columns.items()), decoded.lines.to_list(), decoded.shares


def spoiled(body: bytes, places: Sequence[int]) -> bytes:
    """A body in which some bytes are no text any more."""
    damaged = bytearray(body)
    for place in places:
        damaged[place % len(damaged)] = 0xFF
    return bytes(damaged)


CHARSETS = st.sampled_from(["utf-8", "utf-8", "utf-8", "gb18030", "utf-8-sig"])
DAMAGE = st.one_of(st.just(()), st.lists(st.integers(0, 5000), max_size=2))
SETTINGS = settings(
    max_examples=examples(400), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
