from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.json_texts import MAX_DEPTH, read_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).filter(lambda value: "\\u0000" not in json.dumps(value))


@given(PLAIN)
def test_what_can_be_kept_is_read_as_it_is(value: Any):
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('{"a": {"b/c": ["x\\u0000y"]}}', [("/a/b~1c/0", "nul")]),
        ('{"a": {"b\\u0000": 1, "c": "\\u0000"}}', [("/a/c", "nul"), ("/a", "nul")]),
        ('{"a": "\\ud800"}', [("/a", "half_character")]),
        ('[{"\\udc00": 1}]', [("/0", "half_character")]),
        ('"\\ud83d\\ude00\\udc00"', [("", "half_character")]),
        ('{"a": [1, 1e400]}', [("/a/1", "out_of_range")]),
        ('{"a~": -1e999}', [("/a~0", "out_of_range")]),
        (f'{{"a": {"9" * 309}}}', [("/a", "out_of_range")]),
        (f'{{"a": -{"9" * 50_000}}}', [("/a", "out_of_range")]),
        ("1e400", [("", "out_of_range")]),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", [("/a" + "/0" * (MAX_DEPTH - 1), "too_deep")]),
        ('{"a": NaN}', [("", "malformed_json")]),
        ("{", [("", "malformed_json")]),
        ('{"a": "x\0y"}', [("", "malformed_json")]),
        (b'{"a": "\xed\xa0\x80"}', [("/a", "half_character")]),
        (b'{"a": "\xff"}', [("", "malformed_json")]),
    ],
)
def test_what_cannot_be_kept_is_pointed_at(text: str | bytes, faults: list[tuple[str, str]]):
    with pytest.raises(Invalid) as refused:
        read_json(text)

    assert [(each.pointer, each.rule) for each in refused.value.errors] == faults


@pytest.mark.parametrize(
    "text", ['{"a":' * 1000 + "1" + "}" * 1000, "[" * 1_000_000, "[" * 1_000_000 + "]" * 1_000_000]
)
def test_what_no_parser_goes_down_to_is_too_deep(text: str):
    with pytest.raises(Invalid) as refused:
        read_json(text)

    assert [each.rule for each in refused.value.errors] == ["too_deep"]


@pytest.mark.parametrize("text", ['{"a": "\\\\u0000"}', '["\\ud83d\\ude00"]', "1e-400", "1.7e308", "9" * 308])
def test_what_only_looks_bad_is_read(text: str):
    assert read_json(text) == json.loads(text)


def test_many_faults_are_told_in_part():
    with pytest.raises(Invalid) as refused:
        read_json("[" + ",".join(["1e999"] * 10_000) + "]")

    assert len(refused.value.errors) == 20


@pytest.mark.parametrize(
    "text", ["[" + "0," * 500_000 + "0]", "[" + "[0]," * 250_000 + "0]", '"' + "\\u00e9" * 170_000 + '"']
)
def test_a_body_of_a_megabyte_costs_little(text: str):
    begun = time.process_time()
    read_json(text)

    assert time.process_time() - begun < 5


def test_a_megabyte_of_digits_costs_little():
    begun = time.process_time()
    with pytest.raises(Invalid):
        read_json("9" * 1_000_000)

    assert time.process_time() - begun < 5
