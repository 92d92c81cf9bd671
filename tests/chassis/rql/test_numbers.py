"""Numbers compare as the decimals that they show."""

from __future__ import annotations

import operator
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.rql.numbers import comparison, number_of
from tests.chassis.rql.made import FLOATS, INTEGERS

OPERATORS = {name: getattr(operator, name) for name in ("eq", "gt", "ge", "lt", "le")}


def _shown(value: float | Decimal) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _beside(value: float) -> st.SearchStrategy[Decimal]:
    """The decimal of a number, and its closest neighbours, closer than any float."""
    shown = _shown(value)
    step = Decimal((0, (1,), shown.adjusted() - 30)) if shown else Decimal("1e-330")
    return st.sampled_from([shown, _sum(shown, step), _sum(shown, -step)])


def _sum(one: Decimal, other: Decimal) -> Decimal:
    """Exact, which the sum of the decimal module is only within its precision."""
    with localcontext() as context:
        context.prec = 2000
        return one + other


@pytest.mark.parametrize("name", OPERATORS)
@given(data=st.data())
def test_a_number_compares_as_the_decimal_it_shows(name: str, data: st.DataObject):
    value = data.draw(INTEGERS | FLOATS)
    wanted = data.draw(_beside(value) | (INTEGERS | FLOATS).map(_shown))

    assert comparison(name, wanted)(value) is OPERATORS[name](_shown(value), wanted)


@pytest.mark.parametrize("value", [True, False, None, "1", [], {}, ""])
@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_no_number_stands_in_no_relation_to_one(name: str, value: object):
    assert comparison(name, Decimal(1))(value) is False


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (0.5, 0.5),
        ("12.50", Decimal("12.50")),
        ("-3", Decimal(-3)),
        ("+3", None),
        ("1e3", None),
        (" 1", None),
        ("1\n", None),
        ("١", None),
        ("1.", None),
        ("", None),
        ("9" * 41, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_a_text_that_spells_a_number_is_one_where_that_is_asked_for(value: object, number: object):
    assert number_of(value) == number
