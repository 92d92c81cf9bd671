"""Would the ranking have known? A time-ordered back-test: learn up to a week, ask what was bought after it."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl

from services.recommend.domain.model import MarketModel, fit_market
from services.recommend.domain.ranking import rank_products
from services.recommend.domain.rules import RankingRules


def summarise(lines: pl.DataFrame) -> pl.DataFrame:
    """Retailer x SKU summary from order lines (`retailer_code, sku_code, cycle, quantity_base, amount`)."""
    return (
        lines.group_by("retailer_code", "sku_code")
        .agg(
            pl.col("amount").sum(),
            cycles=pl.col("cycle").n_unique().cast(pl.Int32),
            first_cycle=pl.col("cycle").min(),
            last_cycle=pl.col("cycle").max(),
            quantity_mean=pl.col("quantity_base").sum() / pl.col("cycle").n_unique(),
        )
        .with_columns(
            interval_mean=pl.when(pl.col("cycles") > 1).then(
                (pl.col("last_cycle") - pl.col("first_cycle")) / (pl.col("cycles") - 1)
            )
        )
        .sort("retailer_code", "sku_code")
    )


def backtest(
    lines: pl.DataFrame,
    price_classes: pl.DataFrame,
    rules: RankingRules,
    *,
    holdout_cycles: int = 4,
    length: int = 10,
) -> pl.DataFrame:
    """Hold out the last cycles and compare with what was bought in them.

    Returns rows `target, method, retailers, recall, ndcg`. Target `all` asks for anything bought, `new` only for
    products never bought before. Methods: `marketwin` (next order, filled up with new), `repeat` (most often bought,
    ties and gaps by popularity), `popularity` (retailers who bought it lately). Recall is hits / min(bought, length),
    NDCG uses binary gains; both are means over the retailers who bought before and after the cut.
    """
    cut = int(lines.select(pl.col("cycle").max()).item()) - holdout_cycles
    known, later = lines.filter(pl.col("cycle") <= cut), lines.filter(pl.col("cycle") > cut)
    summary = summarise(known)
    model = fit_market(summary, price_classes, market="backtest", cycle=cut, rules=rules)
    truth = (
        later.select("retailer_code", "sku_code")
        .unique()
        .join(summary.select("retailer_code").unique(), on="retailer_code", how="semi")
    )
    fresh = truth.join(summary, on=["retailer_code", "sku_code"], how="anti")
    asked = truth.select("retailer_code").unique().sort("retailer_code").with_columns(gets_new=pl.lit(True))
    own = summary.join(asked, on="retailer_code", how="semi")
    ranked = rank_products(asked, own, model, _with_length(rules, length))
    methods = {
        ("all", "marketwin"): _joined(ranked, length),
        ("all", "repeat"): _repeated(own, asked, model, length),
        ("all", "popularity"): _popular(asked, model, length),
        ("new", "marketwin"): ranked.filter(pl.col("mode") == "new").select("retailer_code", "sku_code", "rank"),
        ("new", "popularity"): _popular_new(own, asked, model, length),
    }
    rows = [
        {"target": target, "method": method, **_measured(places, truth if target == "all" else fresh, length)}
        for (target, method), places in methods.items()
    ]
    return pl.DataFrame(rows)


def _with_length(rules: RankingRules, length: int) -> RankingRules:
    return replace(rules, lengths=MappingProxyType({"next_order": length, "new": length}))


def _joined(ranked: pl.DataFrame, length: int) -> pl.DataFrame:
    """One list per retailer: the next order first, new products in the places it leaves."""
    return _placed(ranked.sort("retailer_code", "mode", "rank", descending=[False, True, False]), length)


def _repeated(own: pl.DataFrame, asked: pl.DataFrame, model: MarketModel, length: int) -> pl.DataFrame:
    popularity = pl.DataFrame({"sku_code": model.sku_codes, "popularity": model.popularity})
    bought = own.join(popularity, on="sku_code").sort(
        "retailer_code", "cycles", "popularity", "sku_code", descending=[False, True, True, False]
    )
    both = pl.concat([bought.select("retailer_code", "sku_code"), _popular_new(own, asked, model, length).drop("rank")])
    return _placed(both, length)


def _popular(asked: pl.DataFrame, model: MarketModel, length: int) -> pl.DataFrame:
    best = np.argsort(-model.popularity, kind="stable")[:length]
    products = pl.DataFrame({"sku_code": [model.sku_codes[place] for place in best]})
    return _placed(asked.select("retailer_code").join(products, how="cross"), length)


def _popular_new(own: pl.DataFrame, asked: pl.DataFrame, model: MarketModel, length: int) -> pl.DataFrame:
    most = int(own.group_by("retailer_code").len()["len"].max() or 0)  # type: ignore[arg-type]  # a count
    candidates = _popular(asked, model, length + most)
    return _placed(candidates.join(own, on=["retailer_code", "sku_code"], how="anti"), length)


def _placed(lists: pl.DataFrame, length: int) -> pl.DataFrame:
    rank = pl.int_range(1, pl.len() + 1).over("retailer_code").cast(pl.Int32)
    ranked = lists.select("retailer_code", "sku_code").with_columns(rank=rank)
    return ranked.filter(pl.col("rank") <= length)


def _measured(places: pl.DataFrame, truth: pl.DataFrame, length: int) -> dict[str, float | int]:
    wanted = truth.group_by("retailer_code").len("bought")
    gain = 1 / (pl.col("rank") + 1).log(2)
    hits = (
        places.join(truth, on=["retailer_code", "sku_code"], how="semi")
        .group_by("retailer_code")
        .agg(hits=pl.len(), gain=gain.sum())
    )
    ideal = np.cumsum(1 / np.log2(np.arange(2, length + 2)))
    reachable = pl.col("bought").clip(upper_bound=length)
    best = pl.Series(ideal).gather(wanted["bought"].clip(upper_bound=length) - 1)
    scored = wanted.with_columns(best=best).join(hits, on="retailer_code", how="left").fill_null(0)
    recall, ndcg = scored.select((pl.col("hits") / reachable).mean(), (pl.col("gain") / pl.col("best")).mean()).row(0)
    return {"retailers": wanted.height, "recall": float(recall or 0.0), "ndcg": float(ndcg or 0.0)}
