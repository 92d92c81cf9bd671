"""The annual formula against figures computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecast.domain.annual.blend import (
    PATENT_V1,
    PATENT_V1_SWAPPED,
    Method,
    blend,
    fitted,
    month_correlation,
)

NAN = float("nan")
# a, b, c, k and 0.2 a + 0.3 b + 0.5 c (or what is left of it, scaled), times k, worked out on paper.
FIXTURES = [
    ((100.0, 120.0, 110.0), 1.0, 111.0),
    ((100.0, 120.0, 110.0), 0.9, 99.9),
    ((8.0, 10.0, 6.0), 1.25, 9.5),
    ((NAN, 120.0, 110.0), 1.0, (0.3 * 120 + 0.5 * 110) / 0.8),
    ((100.0, NAN, 110.0), 1.1, (0.2 * 100 + 0.5 * 110) / 0.7 * 1.1),
    ((100.0, 120.0, NAN), 1.0, (0.2 * 100 + 0.3 * 120) / 0.5),
]


@pytest.mark.parametrize(("inputs", "coefficient", "expected"), FIXTURES)
def test_patent_v1_gives_what_was_computed_by_hand(
    inputs: tuple[float, float, float], coefficient: float, expected: float
) -> None:
    result = blend(np.array([inputs]), np.array([coefficient]), PATENT_V1)

    assert result.value[0] == pytest.approx(expected, rel=1e-12)
    assert result.weights[0].sum() == pytest.approx(1.0)


def test_the_swapped_variant_gives_last_year_the_larger_weight() -> None:
    result = blend(np.array([[100.0, 120.0, 110.0]]), np.array([1.0]), PATENT_V1_SWAPPED)

    assert result.value[0] == pytest.approx(0.3 * 100 + 0.2 * 120 + 0.5 * 110)


def test_configured_weights_are_used_as_given() -> None:
    result = blend(np.array([[100.0, 120.0, 110.0]]), np.array([1.0]), Method("own", (0.1, 0.1, 0.8)))

    assert result.value[0] == pytest.approx(110.0)


@pytest.mark.parametrize("inputs", [(NAN, NAN, 110.0), (100.0, NAN, NAN), (NAN, 120.0, NAN), (NAN, NAN, NAN)])
def test_with_two_missing_inputs_the_method_does_not_apply(inputs: tuple[float, float, float]) -> None:
    result = blend(np.array([inputs]), np.array([1.0]), PATENT_V1)

    assert np.isnan(result.value[0])
    assert not result.applies[0]


@given(
    inputs=st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3),
    coefficient=st.floats(0.5, 2.0),
    missing=st.sampled_from([None, 0, 1, 2]),
)
def test_without_a_price_effect_the_forecast_lies_between_its_inputs(
    inputs: list[float], coefficient: float, missing: int | None
) -> None:
    values = np.array([inputs])
    if missing is not None:
        values[0, missing] = np.nan

    result = blend(values, np.array([coefficient]), PATENT_V1)

    assert np.nanmin(values) * coefficient <= result.value[0] * (1 + 1e-9)
    assert result.value[0] <= np.nanmax(values) * coefficient * (1 + 1e-9)


def test_fitted_weights_find_the_ones_that_made_the_data() -> None:
    rng = np.random.default_rng(3)
    inputs, coefficient = rng.uniform(50, 150, (200, 3)), rng.uniform(0.9, 1.1, 200)
    actual = (inputs @ np.array([0.1, 0.25, 0.65])) * coefficient

    method = fitted(inputs, coefficient, actual)

    assert method is not None
    assert method.weights == pytest.approx((0.1, 0.25, 0.65), abs=1e-9)


def test_fitted_weights_are_never_negative_and_always_sum_to_one() -> None:
    rng = np.random.default_rng(4)
    inputs = rng.uniform(50, 150, (60, 3))
    actual = 2 * inputs[:, 2] - inputs[:, 0]

    method = fitted(inputs, np.ones(60), actual)

    assert method is not None
    assert min(method.weights) >= 0
    assert sum(method.weights) == pytest.approx(1.0)


def test_too_few_years_fit_no_weights() -> None:
    assert fitted(np.ones((5, 3)), np.ones(5), np.ones(5)) is None


def test_the_correlation_is_the_one_of_pearson() -> None:
    last, before = np.arange(1.0, 13.0)[None, :], np.array([[2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11.0]])

    result = month_correlation(last, before, np.array([False]))

    assert result.r[0] == pytest.approx(np.corrcoef(last[0], before[0])[0, 1])
    assert result.reliable[0]
    assert result.reason[0] == ""


def test_a_moved_spring_festival_does_not_make_a_chinese_year_unreliable() -> None:
    last = np.array([[30, 10, 18, 19, 20, 21, 22, 23, 22, 21, 20, 19.0]])
    before = np.array([[10, 30, 18, 19, 20, 21, 22, 23, 22, 21, 20, 19.0]])

    apart = month_correlation(last, before, np.array([False]))
    pooled = month_correlation(last, before, np.array([True]))

    assert not apart.reliable[0]
    assert apart.reason[0] == "low_correlation"
    assert pooled.r[0] == pytest.approx(1.0)


def test_a_source_by_year_has_no_correlation_and_says_why() -> None:
    nothing = np.full((1, 12), np.nan)

    result = month_correlation(nothing, nothing, np.array([False]))

    assert np.isnan(result.r[0])
    assert not result.reliable[0]
    assert result.reason[0] == "no_monthly_values"


def test_months_that_are_all_alike_have_no_correlation() -> None:
    result = month_correlation(np.full((1, 12), 5.0), np.arange(12.0)[None, :], np.array([False]))

    assert np.isnan(result.r[0])
    assert result.reason[0] == "months_do_not_vary"


def test_a_year_with_a_month_missing_has_no_correlation() -> None:
    months = np.arange(1.0, 13.0)[None, :].copy()
    months[0, 4] = np.nan

    result = month_correlation(months, np.arange(12.0)[None, :], np.array([False]))

    assert result.reason[0] == "incomplete_months"
