"""Growth type (R-14) and key score (R-15) against figures computed by hand."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain.explain import Override, Standing, explain
from services.profile.domain.growth import GrowthRules, growth_types, score_gaps, tier_ranks
from services.profile.domain.key_customer import PARTS, KeyRules, key_scores, score_parts, used_weights
from services.profile.domain.peers import peers_of
from services.profile.domain.profiles import Rules

shares = st.one_of(st.none(), st.floats(0, 1))


def _market(quantities: list[float], **columns: list[float | None]) -> pl.DataFrame:
    """Features of one market whose retailers differ in quantity, amount and breadth alike."""
    base: dict[str, list[float | None]] = {
        "quantity_base": list(quantities),
        "amount": [value * 10 for value in quantities],
        "regularity": [0.5] * len(quantities),
        "sku_count": list(quantities),
        "price_grade": [None] * len(quantities),
        "own_share": [1.0] * len(quantities),
        "orders": [1 if value > 0 else 0 for value in quantities],
    }
    return pl.DataFrame(base | columns, schema_overrides=dict.fromkeys(base | columns, pl.Float64))


def test_parts_are_mid_rank_percentiles_of_the_market() -> None:
    frame = _market([10, 20, 30, 40])

    parts = score_parts(frame, peers_of("m", 1, frame))

    assert parts["part_quantity"].to_list() == [0.125, 0.375, 0.625, 0.875]
    assert parts["part_cycle"].to_list() == [0.5] * 4  # all alike: everybody stands in the middle
    assert parts["part_structure"].to_list() == [0.125, 0.375, 0.625, 0.875]
    assert parts["part_competitor"].to_list() == [None] * 4


def test_who_bought_nothing_scores_nothing_and_is_no_yardstick() -> None:
    frame = _market([0, 0, 0, 10, 20])

    parts = score_parts(frame, peers_of("m", 1, frame))

    assert parts["part_amount"].to_list() == [0.0, 0.0, 0.0, 0.25, 0.75]


def test_the_score_is_the_weighted_mean_of_the_five_parts() -> None:
    parts = pl.DataFrame(
        {
            "part_quantity": [0.8],
            "part_cycle": [0.5],
            "part_structure": [0.4],
            "part_amount": [0.9],
            "part_competitor": [1.0],
        }
    )

    scored = key_scores(parts, KeyRules(threshold=0.73))

    # 0.25 * 0.8 + 0.20 * 0.5 + 0.15 * 0.4 + 0.30 * 0.9 + 0.10 * 1.0
    assert scored["score"].item() == pytest.approx(0.73)
    assert scored["is_key_by_score"].item()
    assert scored["missing_parts"].to_list() == [[]]


def test_the_weight_of_a_missing_part_is_shared_out_among_the_rest() -> None:
    parts = pl.DataFrame(
        {
            "part_quantity": [0.8],
            "part_cycle": [0.5],
            "part_structure": [0.4],
            "part_amount": [0.9],
            "part_competitor": [None],
        },
        schema_overrides={"part_competitor": pl.Float64},
    )

    scored = key_scores(parts, KeyRules())

    assert scored["score"].item() == pytest.approx(0.63 / 0.9)
    assert scored["missing_parts"].to_list() == [["competitor"]]


@settings(max_examples=60)
@given(values=st.tuples(shares, shares, shares, shares, shares), weights=st.tuples(*[st.floats(0, 5)] * 5))
def test_a_score_lies_between_its_parts_whatever_is_missing(
    values: tuple[float | None, ...], weights: tuple[float, ...]
) -> None:
    parts = pl.DataFrame(
        {f"part_{name}": [value] for name, value in zip(PARTS, values, strict=True)},
        schema=dict.fromkeys((f"part_{name}" for name in PARTS), pl.Float64),
    )
    rules = KeyRules(MappingProxyType(dict(zip(PARTS, weights, strict=True))))

    score = key_scores(parts, rules)["score"].item()
    used = used_weights(tuple(name for name, value in zip(PARTS, values, strict=True) if value is None), rules)

    assert sum(used.values()) == pytest.approx(1.0) if used else score is None
    if used:
        counted = [
            value for name, value in zip(PARTS, values, strict=True) if used.get(name, 0) > 0 and value is not None
        ]
        assert min(counted) - 1e-9 <= score <= max(counted) + 1e-9


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.floats(-1, 2e9))
def test_percentiles_stay_in_range_and_grow_with_the_value(values: list[float], asked: float) -> None:
    frame = _market(values)
    peers = peers_of("m", 1, frame)

    lower, upper = peers.percentiles("quantity_base", np.array([asked, asked + 1.0]))

    assert 0.0 <= lower <= upper <= 1.0


def _labelled(rank: float, growth: float | None, gap: float | None) -> str:
    frame = pl.DataFrame(
        {"tier_rank": [rank], "growth": [growth], "score_gap": [gap]},
        schema=dict.fromkeys(("tier_rank", "growth", "score_gap"), pl.Float64),
    )
    return str(growth_types(frame, GrowthRules())["growth_type"].item())


@pytest.mark.parametrize(
    ("rank", "growth", "gap", "expected"),
    [
        (0.70, 0.05, 0.0, "mature"),
        (0.70, -0.05, 0.0, "mature"),
        (0.90, 0.02, 0.5, "mature"),  # the rules are read in order: mature comes first
        (0.69, 0.02, 0.0, "ordinary"),
        (0.70, 0.06, 0.0, "ordinary"),
        (0.69, 0.06, 0.0, "potential"),
        (0.25, 0.06, None, "potential"),
        (0.24, 0.06, 0.0, "ordinary"),
        (0.25, 0.05, 0.0, "ordinary"),
        (0.10, None, 0.21, "potential"),
        (0.95, 0.30, 0.21, "potential"),
        (0.10, None, 0.20, "ordinary"),
        (0.80, None, None, "ordinary"),
    ],
)
def test_growth_type_follows_tier_growth_and_gap(
    rank: float, growth: float | None, gap: float | None, expected: str
) -> None:
    assert _labelled(rank, growth, gap) == expected


def test_a_recorded_tier_goes_before_the_percentile() -> None:
    frame = _market([10, 20, 30, 40])
    recorded = pl.Series([None, 0.9, None, None], dtype=pl.Float64)

    ranks = tier_ranks(frame, recorded, peers_of("m", 1, frame))

    assert ranks["tier_rank"].to_list() == [0.125, 0.9, 0.625, 0.875]
    assert ranks["tier_basis"].to_list() == ["percentile", "recorded", "percentile", "percentile"]


def test_the_gap_is_the_share_by_which_a_score_misses_the_peers_median() -> None:
    gaps = score_gaps(np.array([0.4, 0.6, 0.5, np.nan]), np.array([0.5, 0.5, np.nan, 0.5]))

    assert gaps[0] == pytest.approx(0.2)
    assert gaps[1] == pytest.approx(-0.2)
    assert np.isnan(gaps[2:]).all()


def _standing(**changes: object) -> Standing:
    fields: dict[str, object] = {
        "cycle": 2178,
        "growth_type": "potential",
        "growth_rule": "below_peers",
        "growth": None,
        "growth_reason": "short_history",
        "tier_rank": 0.4,
        "tier_basis": "percentile",
        "score": 0.6,
        "score_gap": 0.3,
        "is_key": False,
        "parts": {"quantity": 0.5, "cycle": 0.4, "structure": 0.3, "amount": 0.9, "competitor": None},
        "peer_retailers": 12,
    }
    return Standing(**(fields | changes))


def test_an_explanation_names_the_part_that_weighs_most_first_and_the_missing_one_as_missing() -> None:
    reasons = explain(_standing(), Rules())

    assert [reason.subject for reason in reasons][:3] == ["growth_type", "is_key", "amount"]
    missing = next(reason for reason in reasons if reason.subject == "competitor")
    assert missing.evidence["weights_renormalised"] is True
    assert "30%" in reasons[0].text_en
    assert "30%" in reasons[0].text_zh


def test_an_override_is_explained_by_who_and_why() -> None:
    reasons = explain(_standing(is_key=True, override=Override(True, "flagship", "ann")), Rules())

    assert reasons[1].text_en == "Set by ann as a key customer: flagship."
    assert "flagship" in reasons[1].text_zh
