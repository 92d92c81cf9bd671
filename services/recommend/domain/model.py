"""What a market's baskets say: which products go together, which are alive, how often each is bought again."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from services.recommend.domain.rules import RankingRules

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PRICE_CLASSES = 5
UNKNOWN_CLASS = 0


@dataclass(frozen=True, slots=True)
class MarketModel:
    """The market as of one cycle; arrays are aligned with `sku_codes`.

    `similarity[j, i]` is the shrunk cosine of products j and i, kept for the strongest neighbours of each i;
    `together[j, i]` counts the retailers who bought both. `price_class` is 1 (dearest) to 5, 0 where unknown;
    `price_basis` says whether classes are recorded or quintiles of the observed unit price.
    """

    version: str
    market: str
    cycle: int
    retailers: int
    sku_codes: tuple[str, ...]
    similarity: sp.csr_array
    together: sp.csr_array
    buyers: Ints
    recent_buyers: Ints
    popularity: Floats
    aliveness: Floats
    interval: Floats
    quantity: Floats
    price_class: Ints
    price_basis: str
    class_mix: Floats
    rows: Mapping[str, int]


def fit_market(
    purchases: pl.DataFrame, price_classes: pl.DataFrame, *, market: str, cycle: int, rules: RankingRules
) -> MarketModel:
    """Learn one market from what its retailers bought (`retailer_code, sku_code, cycles, last_cycle, interval_mean,
    quantity_mean, amount`); `price_classes` has `sku_code, price_class`. Deterministic for the same input.
    """
    skus = purchases.get_column("sku_code").unique().sort()
    retailers = purchases.get_column("retailer_code").unique().sort()
    placed = _placed(purchases, retailers, skus)
    weights = basket_weights(placed, cycle, rules, shape=(len(retailers), len(skus)))
    similarity, together = _neighbours(weights, rules)
    facts = _product_facts(placed, skus, cycle, rules)
    price_class, basis = _price_classes(facts, price_classes)
    recent = facts["recent_buyers"].to_numpy().astype(np.int64)
    buyers = facts["buyers"].to_numpy().astype(np.int64)
    return MarketModel(
        version=f"cooc-{cycle}-{len(retailers)}x{len(skus)}-{purchases.height}",
        market=market,
        cycle=cycle,
        retailers=len(retailers),
        sku_codes=tuple(skus.to_list()),
        similarity=similarity,
        together=together,
        buyers=buyers,
        recent_buyers=recent,
        popularity=recent / max(int(recent.max(initial=0)), 1),
        aliveness=(recent + 0.1 * buyers) / np.maximum(1.1 * buyers, 1),
        interval=facts["interval"].to_numpy().astype(np.float64),
        quantity=facts["quantity"].to_numpy().astype(np.float64),
        price_class=price_class,
        price_basis=basis,
        class_mix=_class_mix(price_class, buyers),
        rows={code: row for row, code in enumerate(skus)},
    )


def basket_weights(placed: pl.DataFrame, cycle: int, rules: RankingRules, *, shape: tuple[int, int]) -> sp.csr_array:
    """Retailer x product: square root of the cycles bought, worth less with every week since the last purchase."""
    elapsed = elapsed_cycles(placed, cycle)
    weight = np.sqrt(placed["cycles"].to_numpy()) * rules.decay_per_cycle**elapsed
    rows, columns = placed["retailer"].to_numpy(), placed["item"].to_numpy()
    return sp.csr_array((weight.astype(np.float64), (rows, columns)), shape=shape)


def elapsed_cycles(purchases: pl.DataFrame, cycle: int) -> Floats:
    """Weeks from the last purchase of each product to the shop's next order.

    That order is due this week while the shop has not ordered in it, else in the next.
    """
    last_of_shop = pl.col("last_cycle").max().over("retailer_code")
    target = pl.lit(cycle) + (last_of_shop >= cycle).cast(pl.Int32)
    elapsed = purchases.select((target - pl.col("last_cycle")).clip(lower_bound=0)).to_series()
    return elapsed.to_numpy().astype(np.float64)


def _placed(purchases: pl.DataFrame, retailers: pl.Series, skus: pl.Series) -> pl.DataFrame:
    return purchases.with_columns(
        retailer=_places(purchases["retailer_code"], retailers), item=_places(purchases["sku_code"], skus)
    )


def _places(codes: pl.Series, known: pl.Series) -> pl.Series:
    return codes.replace_strict(known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64)


def _neighbours(weights: sp.csr_array, rules: RankingRules) -> tuple[sp.csr_array, sp.csr_array]:
    """Item-item cosine over retailers scaled to unit length to the half, shrunk towards 0 for thin evidence.

    Scaling keeps a wholesaler who buys everything from making everything look alike. The second result counts the
    retailers who bought both products of a pair; pairs below `min_together` are left out.
    """
    lengths = np.sqrt(np.asarray(weights.power(2).sum(axis=1)).ravel())
    scaled = sp.csr_array(sp.diags_array(1 / np.sqrt(np.maximum(lengths, 1e-9))) @ weights)
    products = _square(scaled)
    bought = scaled.copy()
    bought.data = np.ones_like(bought.data)
    counts = _square(bought)  # the same places as `products`, in the same order
    squares = products.diagonal()
    norms = np.sqrt(squares)
    shrink = rules.shrinkage * float(np.median(squares)) if squares.size else 0.0
    rows, columns = products.tocoo().coords
    candidates = np.flatnonzero((rows != columns) & (counts.data >= rules.min_together))
    rows, columns = rows[candidates], columns[candidates]
    cosine = products.data[candidates] / (norms[rows] * norms[columns] + shrink)
    kept = _strongest(columns, cosine, rules.neighbours)
    places = (rows[kept], columns[kept])
    similarity = sp.csr_array((cosine[kept], places), shape=products.shape)
    together = sp.csr_array((counts.data[candidates][kept], places), shape=products.shape)
    return similarity, together


def _square(matrix: sp.csr_array) -> sp.csr_array:
    product = sp.csr_array(matrix.T @ matrix)
    product.sort_indices()
    return product


def _strongest(groups: npt.NDArray[np.int32], values: Floats, count: int) -> Ints:
    """Places of the `count` greatest values of every group."""
    order = np.lexsort((-values, groups))
    ordered = groups[order]
    first = np.searchsorted(ordered, ordered, side="left")
    return np.asarray(order[np.arange(len(order)) - first < count], dtype=np.int64)


def _product_facts(placed: pl.DataFrame, skus: pl.Series, cycle: int, rules: RankingRules) -> pl.DataFrame:
    """Buyers, recent buyers, usual interval and quantity, and the observed unit price of every product."""
    usual = placed["interval_mean"].drop_nulls().median()
    fallback = float(usual) if isinstance(usual, int | float) else float(rules.popularity_cycles)
    pairs = pl.col("cycles") - 1
    quantity = (pl.col("quantity_mean") * pl.col("cycles")).sum()
    return (
        placed.group_by("item", "sku_code")
        .agg(
            buyers=pl.len(),
            recent_buyers=(pl.col("last_cycle") > cycle - rules.popularity_cycles).sum(),
            interval=(pl.col("interval_mean") * pairs).sum() / pairs.sum(),
            quantity=pl.col("quantity_mean").median(),
            unit_price=pl.when(quantity > 0).then(pl.col("amount").sum() / quantity),
        )
        .with_columns(pl.col("interval").fill_nan(None).fill_null(fallback).clip(lower_bound=1.0))
        .sort("item")
        .head(len(skus))
    )


def _price_classes(facts: pl.DataFrame, recorded: pl.DataFrame) -> tuple[Ints, str]:
    """Recorded classes; where the market has none at all, fifths of the observed unit price, dearest first."""
    known = facts.join(recorded, on="sku_code", how="left", maintain_order="left")["price_class"]
    if known.null_count() < len(known):
        classes = known.fill_null(UNKNOWN_CLASS).clip(UNKNOWN_CLASS, PRICE_CLASSES)
        return classes.to_numpy().astype(np.int64), "recorded"
    price = facts["unit_price"].fill_null(float("nan")).to_numpy().astype(np.float64)
    edges = np.nanquantile(price, [0.8, 0.6, 0.4, 0.2]) if np.isfinite(price).any() else np.zeros(4)
    bands = 1 + (price[:, None] < edges[None, :]).sum(axis=1)
    return np.where(np.isfinite(price), bands, UNKNOWN_CLASS).astype(np.int64), "observed"


def _class_mix(price_class: Ints, buyers: Ints) -> Floats:
    """Share of each price class 0..5 among the market's purchases of known class; index 0 stays 0."""
    counts = np.bincount(price_class, weights=buyers, minlength=PRICE_CLASSES + 1)
    counts[UNKNOWN_CLASS] = 0
    return np.asarray(counts / max(float(counts.sum()), 1.0), dtype=np.float64)
