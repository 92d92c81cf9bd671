"""Ranked products per retailer from three evidences: repurchase, peers, price class.

    score = sum(weight * evidence) / sum(weights of evidences with data), each evidence 0..1

- repurchase: log(1 + cycles bought), worth less with every week since the last purchase, lower for products that the
  market stopped buying, and partly (`due_share`) held back until the retailer's own interval has passed.
- peers: neighbours of what the retailer buys (item-item cosine), with a share of recent popularity.
- price: how much of the retailer's purchases fall into the product's price class, smoothed by the market's mix.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from services.recommend.domain.model import UNKNOWN_CLASS, Floats, MarketModel, basket_weights, elapsed_cycles
from services.recommend.domain.rules import EVIDENCES, RankingRules

Bools = npt.NDArray[np.bool_]
CHUNK_RETAILERS = 512

RANKED = {
    "retailer_code": pl.String,
    "mode": pl.String,
    "sku_code": pl.String,
    "rank": pl.Int32,
    "score": pl.Float64,
    "repurchase": pl.Float64,
    "peers": pl.Float64,
    "price": pl.Float64,
}


def rank_products(
    retailers: pl.DataFrame,
    purchases: pl.DataFrame,
    model: MarketModel,
    rules: RankingRules,
    *,
    excluded: frozenset[str] = frozenset(),
    avoided: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rank products for every retailer of one market.

    `retailers` has `retailer_code, gets_new` (false: only products it buys already); `purchases` what they bought, as
    for `fit_market`. `excluded` products (such as those that left the market) appear nowhere, the pairs of `avoided`
    (`retailer_code, sku_code`) not for their retailer. `next_order` lists hold
    products the retailer has bought, `new` lists only others. Sorted by retailer, mode, rank; see `RANKED`.
    """
    columns = model.rows
    placed = purchases.filter(pl.col("sku_code").is_in(list(columns))).with_columns(
        item=pl.col("sku_code").replace_strict(columns, return_dtype=pl.Int64)
    )
    is_excluded = np.isin(np.array(model.sku_codes, dtype=object), np.array(sorted(excluded), dtype=object))
    if not model.sku_codes or retailers.is_empty():
        return pl.DataFrame(schema=RANKED)
    barred = pl.DataFrame(schema=_PAIRS) if avoided is None else avoided.select(list(_PAIRS))
    barred = barred.filter(pl.col("sku_code").is_in(list(columns))).with_columns(
        item=pl.col("sku_code").replace_strict(columns, return_dtype=pl.Int64)
    )
    shared = _Shared(placed, barred, is_excluded, model, rules)
    parts = [_rank_chunk(chunk, shared) for chunk in retailers.iter_slices(CHUNK_RETAILERS)]
    return pl.concat(parts).sort("retailer_code", "mode", "rank")


_PAIRS = {"retailer_code": pl.String, "sku_code": pl.String}


@dataclass(frozen=True, slots=True)
class _Shared:
    placed: pl.DataFrame
    barred: pl.DataFrame
    is_excluded: Bools
    model: MarketModel
    rules: RankingRules


def _rank_chunk(chunk: pl.DataFrame, shared: _Shared) -> pl.DataFrame:
    model, rules = shared.model, shared.rules
    mine = shared.placed.join(chunk.select("retailer_code").with_row_index("retailer"), on="retailer_code")
    shape = (chunk.height, len(model.sku_codes))
    evidences = _evidences(mine, model, rules, shape)
    is_bought = np.zeros(shape, dtype=np.bool_)
    is_bought[mine["retailer"].to_numpy(), mine["item"].to_numpy()] = True
    barred = shared.barred.join(chunk.select("retailer_code").with_row_index("retailer"), on="retailer_code")
    is_free = np.broadcast_to(~shared.is_excluded, shape).copy()
    is_free[barred["retailer"].to_numpy(), barred["item"].to_numpy()] = False
    gets_new = chunk["gets_new"].to_numpy().astype(np.bool_)
    allowed = {
        "next_order": is_bought & is_free,
        "new": ~is_bought & is_free & gets_new[:, None],
    }
    lists = [
        frame
        for mode, mask in allowed.items()
        for frame in _top(mode, _blend(evidences, rules.weights[mode]), mask, rules.lengths[mode], evidences)
    ]
    found = pl.concat(lists)
    return found.select(
        chunk["retailer_code"].gather(found["retailer"]).alias("retailer_code"),
        pl.col("mode"),
        pl.Series("sku_code", model.sku_codes, dtype=pl.String).gather(found["item"]),
        pl.col("rank").cast(pl.Int32),
        "score",
        *EVIDENCES,
    )


def _evidences(
    mine: pl.DataFrame, model: MarketModel, rules: RankingRules, shape: tuple[int, int]
) -> dict[str, Floats]:
    """Each evidence as retailer x product; NaN where there is no data for it."""
    weights = basket_weights(mine, model.cycle, rules, shape=shape)
    similar = (weights @ model.similarity).toarray()
    peers = _by_row_maximum(similar) + rules.popularity_share * model.popularity
    repurchase = np.zeros(shape)
    repurchase[mine["retailer"].to_numpy(), mine["item"].to_numpy()] = repurchase_strength(mine, model, rules)
    return {
        "repurchase": _by_row_maximum(repurchase),
        "peers": peers / (1 + rules.popularity_share),
        "price": _price_affinity(mine, model, rules, shape),
    }


def repurchase_strength(mine: pl.DataFrame, model: MarketModel, rules: RankingRules) -> Floats:
    """Strength of every own purchase, on an open scale that grows with frequency and falls with age."""
    cycles = mine["cycles"].to_numpy().astype(np.float64)
    elapsed = elapsed_cycles(mine, model.cycle)
    alive = np.sqrt(model.aliveness[mine["item"].to_numpy()])
    due = due_share(elapsed, expected_interval(mine, model, rules))
    held_back = 1 - rules.due_share + rules.due_share * due
    return np.asarray(np.log1p(cycles) * rules.decay_per_cycle**elapsed * alive * held_back, dtype=np.float64)


def expected_interval(mine: pl.DataFrame, model: MarketModel, rules: RankingRules) -> Floats:
    """The retailer's own mean interval in cycles, drawn towards the product's usual one while it is thin."""
    pairs = np.maximum(mine["cycles"].to_numpy().astype(np.float64) - 1, 0)
    own = mine["interval_mean"].fill_null(0.0).to_numpy().astype(np.float64)
    usual = model.interval[mine["item"].to_numpy()]
    mixed = (own * pairs + usual * rules.interval_prior) / (pairs + rules.interval_prior)
    return np.asarray(np.maximum(mixed, 1.0), dtype=np.float64)


def due_share(elapsed: Floats, interval: Floats) -> Floats:
    """0..1: one half when exactly one interval has passed, nearly 1 after two (logistic)."""
    return np.asarray(1 / (1 + np.exp(-2 * np.clip(elapsed / interval - 1, -20, 20))), dtype=np.float64)


def _price_affinity(mine: pl.DataFrame, model: MarketModel, rules: RankingRules, shape: tuple[int, int]) -> Floats:
    """Share of the retailer's purchases in the product's class, scaled so that its favourite class is 1."""
    if not model.class_mix.any():
        return np.full(shape, np.nan)
    shares = class_shares(mine, model, rules, retailers=shape[0])
    scaled = _by_row_maximum(shares)
    affinity = scaled[:, model.price_class]
    return np.where(model.price_class == UNKNOWN_CLASS, np.nan, affinity)


def class_shares(mine: pl.DataFrame, model: MarketModel, rules: RankingRules, *, retailers: int) -> Floats:
    """Retailer x price class 0..5: share of purchases, with the market's mix as a prior; class 0 stays 0."""
    counts = np.zeros((retailers, len(model.class_mix)))
    classes = model.price_class[mine["item"].to_numpy()]
    np.add.at(counts, (mine["retailer"].to_numpy(), classes), mine["cycles"].to_numpy().astype(np.float64))
    counts[:, UNKNOWN_CLASS] = 0
    mixed = counts + rules.price_prior * model.class_mix
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), dtype=np.float64)


def _blend(evidences: dict[str, Floats], weights: Mapping[str, float]) -> Floats:
    total = np.zeros_like(evidences["peers"])
    known = np.zeros_like(total)
    for name in EVIDENCES:
        weight = weights.get(name, 0.0)
        values = evidences[name]
        has_data = ~np.isnan(values)
        total += np.where(has_data, values, 0.0) * weight
        known += has_data * weight
    return np.divide(total, known, out=np.zeros_like(total), where=known > 0)


def _top(mode: str, score: Floats, allowed: Bools, length: int, evidences: dict[str, Floats]) -> Iterator[pl.DataFrame]:
    """The `length` best allowed products of every row; ties go to the product that comes first."""
    length = min(length, score.shape[1])
    masked = np.where(allowed, score, -np.inf)
    found = np.argpartition(-masked, length - 1, axis=1)[:, :length]
    order = np.lexsort((found, -np.take_along_axis(masked, found, axis=1)), axis=1)
    items = np.take_along_axis(found, order, axis=1)
    rows = np.repeat(np.arange(score.shape[0]), length)
    flat = items.ravel()
    kept = masked[rows, flat] > 0
    rows, flat = rows[kept], flat[kept]
    rank = np.tile(np.arange(1, length + 1), score.shape[0])[kept]
    yield pl.DataFrame(
        {
            "retailer": rows,
            "item": flat,
            "mode": pl.Series([mode]).new_from_index(0, len(rows)),
            "rank": rank,
            "score": np.clip(score[rows, flat], 0.0, 1.0),
            **{name: np.nan_to_num(evidences[name][rows, flat]) for name in EVIDENCES},
        }
    )


def _by_row_maximum(values: Floats) -> Floats:
    """Every row divided by its maximum; a row of zeros stays."""
    greatest = values.max(axis=1, keepdims=True)
    scaled: Floats = np.divide(values, greatest, out=np.zeros_like(values), where=greatest > 0)
    return scaled
