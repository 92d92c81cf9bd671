"""Why each product is recommended: sentences in Chinese and English with the figures behind them, as columns."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from services.recommend.domain.model import MarketModel, elapsed_cycles
from services.recommend.domain.ranking import class_shares, due_share, expected_interval
from services.recommend.domain.rules import RankingRules

KEY = ("retailer_code", "mode", "sku_code")
REASON = ("code", "text_zh", "text_en", "evidence_json")


def with_reasons(
    ranked: pl.DataFrame,
    purchases: pl.DataFrame,
    *,
    trends: pl.DataFrame,
    names: pl.DataFrame,
    model: MarketModel,
    rules: RankingRules,
) -> pl.DataFrame:
    """Add `reasons` to each row: a JSON list of {code, text_zh, text_en, evidence_json}, strongest first.

    `trends` has `retailer_code, sku_code, growth` (forecast demand of the retailer's region over recent demand);
    `names` has `sku_code, name_zh, name_en` for products that sentences mention. A reason's strength is its share of
    the score; a regional trend is named last, since it does not move the score.
    """
    if ranked.is_empty():
        # A market whose shops have not ordered yet has no products to look up.
        return ranked.with_columns(reasons=pl.lit("[]"))
    own = _own_facts(ranked, purchases, model, rules)
    found = pl.concat(
        [
            _repurchase(ranked, own, rules),
            _peers(ranked, purchases, names, model, rules),
            _popular(ranked, model, rules),
            _price(ranked, purchases, model, rules),
            _trend(ranked, trends, rules),
        ]
    ).sort(*KEY, "strength", descending=[False, False, False, True])
    listed = found.group_by(*KEY, maintain_order=True).agg(reason=pl.struct(*REASON))
    texts = listed.with_columns(reasons=pl.struct(pl.col("reason").alias("list")).struct.json_encode()).select(
        # A column of lists has no JSON form of its own, only a struct has: take the list out of `{"list":[...]}`.
        *KEY,
        pl.col("reasons").str.slice(8).str.head(-1),
    )
    joined = ranked.join(texts, on=list(KEY), how="left", maintain_order="left")
    return joined.with_columns(pl.col("reasons").fill_null("[]"))


def _own_facts(ranked: pl.DataFrame, purchases: pl.DataFrame, model: MarketModel, rules: RankingRules) -> pl.DataFrame:
    """Own purchases of the ranked products, with elapsed weeks and the expected interval."""
    dated = purchases.with_columns(elapsed=pl.Series(elapsed_cycles(purchases, model.cycle), dtype=pl.Float64))
    own = (
        ranked.filter(pl.col("mode") == "next_order")
        .select("retailer_code", "sku_code")
        .join(dated, on=["retailer_code", "sku_code"], maintain_order="left")
    )
    own = own.with_columns(item=pl.col("sku_code").replace_strict(model.rows, return_dtype=pl.Int64, default=None))
    interval = expected_interval(own, model, rules)
    elapsed = own["elapsed"].to_numpy().astype(np.float64)
    return own.with_columns(
        interval=pl.Series(interval, dtype=pl.Float64),
        due=pl.Series(due_share(elapsed, interval), dtype=pl.Float64),
    )


def _repurchase(ranked: pl.DataFrame, own: pl.DataFrame, rules: RankingRules) -> pl.DataFrame:
    facts = own.select("retailer_code", "sku_code", "cycles", "elapsed", "interval", "due", "interval_mean")
    rows = ranked.filter(pl.col("mode") == "next_order").join(facts, on=["retailer_code", "sku_code"])
    weeks, usual = _number("elapsed", 0), _number("interval", 1)
    once = pl.col("cycles") == 1
    return _reason(
        rows,
        code=pl.when(pl.col("due") >= 0.5).then(pl.lit("repurchase_due")).otherwise(pl.lit("repurchase_regular")),
        strength=pl.col("repurchase") * _weight("repurchase", rules),
        zh=pl.when(once)
        .then(pl.format("{} 周前买过 1 次，同类商品通常 {} 周回购", weeks, usual))
        .otherwise(pl.format("买过 {} 个周期，约每 {} 周一次，距上次 {} 周", "cycles", usual, weeks)),
        en=pl.when(once)
        .then(pl.format("Bought once; weeks since then: {}, usual interval: {} weeks", weeks, usual))
        .otherwise(
            pl.format("Bought in {} cycles, about every {} weeks; weeks since the last: {}", "cycles", usual, weeks)
        ),
        evidence={
            "cycles": pl.col("cycles"),
            "weeks_since_last": pl.col("elapsed").cast(pl.Int64),
            "expected_interval_weeks": pl.col("interval").round(2),
            "own_interval_weeks": pl.col("interval_mean").cast(pl.Float64).round(2),
            "due": pl.col("due").round(3),
            "value": pl.col("repurchase").round(3),
        },
    )


def _peers(
    ranked: pl.DataFrame, purchases: pl.DataFrame, names: pl.DataFrame, model: MarketModel, rules: RankingRules
) -> pl.DataFrame:
    """The bought product that speaks most for each recommended one."""
    pairs = _neighbour_pairs(ranked, model)
    mine = purchases.select("retailer_code", sku_bought="sku_code", weight=pl.col("cycles").sqrt())
    strongest = (
        ranked.select(*KEY)
        .join(pairs, on="sku_code")
        .join(mine, on=["retailer_code", "sku_bought"])
        .with_columns(said=pl.col("weight") * pl.col("similarity"))
        .sort(*KEY, "said", "sku_bought", descending=[False, False, False, True, False])
        .unique(list(KEY), keep="first", maintain_order=True)
    )
    called = names.select(sku_bought="sku_code", zh="name_zh", en="name_en")
    rows = (
        ranked.join(strongest, on=list(KEY))
        .join(called, on="sku_bought", how="left", maintain_order="left")
        .with_columns(
            zh=pl.coalesce(_filled("zh"), _filled("en"), "sku_bought"),
            en=pl.coalesce(_filled("en"), _filled("zh"), "sku_bought"),
        )
    )
    return _reason(
        rows,
        code=pl.lit("bought_by_peers"),
        strength=pl.col("peers") * _weight("peers", rules),
        zh=pl.format("本市场 {} 家零售户同时购买本品和「{}」", "together", "zh"),
        en=pl.format('{} retailers of this market buy it together with "{}"', "together", "en"),
        evidence={
            "sku_bought": pl.col("sku_bought"),
            "retailers_with_both": pl.col("together"),
            "similarity": pl.col("similarity").round(4),
            "market_retailers": pl.lit(model.retailers),
            "value": pl.col("peers").round(3),
        },
    )


def _neighbour_pairs(ranked: pl.DataFrame, model: MarketModel) -> pl.DataFrame:
    """Kept neighbours of the ranked products: `sku_code, sku_bought, similarity, together`."""
    codes = pl.Series("codes", model.sku_codes, dtype=pl.String)
    entries = model.similarity.tocoo()
    rows, columns = entries.coords
    asked = ranked["sku_code"].unique().replace_strict(model.rows, return_dtype=pl.Int64)
    wanted = np.isin(columns, asked.to_numpy())
    return pl.DataFrame(
        {
            "sku_code": codes.gather(pl.Series(columns[wanted]).cast(pl.UInt32)),
            "sku_bought": codes.gather(pl.Series(rows[wanted]).cast(pl.UInt32)),
            "similarity": entries.data[wanted],
            "together": model.together.data[wanted].astype(np.int64),
        }
    )


def _popular(ranked: pl.DataFrame, model: MarketModel, rules: RankingRules) -> pl.DataFrame:
    """How many of the market's retailers bought it lately."""
    counted = pl.DataFrame(
        {"sku_code": model.sku_codes, "recent": model.recent_buyers, "popularity": model.popularity},
        schema_overrides={"sku_code": pl.String},
    )
    rows = ranked.filter(pl.col("mode") == "new").join(counted, on="sku_code").filter(pl.col("recent") > 0)
    share = rules.popularity_share / (1 + rules.popularity_share)
    return _reason(
        rows,
        code=pl.lit("popular_in_market"),
        strength=pl.col("popularity") * share * _weight("peers", rules),
        zh=pl.format(f"近 {rules.popularity_cycles} 周本市场有 {{}} 家零售户订购", "recent"),
        en=pl.format(f"Ordered by {{}} retailers of this market in the last {rules.popularity_cycles} weeks", "recent"),
        evidence={
            "retailers": pl.col("recent"),
            "weeks": pl.lit(rules.popularity_cycles),
            "value": pl.col("popularity").round(3),
        },
    )


def _price(ranked: pl.DataFrame, purchases: pl.DataFrame, model: MarketModel, rules: RankingRules) -> pl.DataFrame:
    """The product's price class is one of those the retailer mainly buys."""
    retailers = ranked["retailer_code"].unique().sort()
    mine = purchases.filter(pl.col("sku_code").is_in(list(model.rows))).with_columns(
        item=pl.col("sku_code").replace_strict(model.rows, return_dtype=pl.Int64)
    )
    mine = mine.join(pl.DataFrame({"retailer_code": retailers}).with_row_index("retailer"), on="retailer_code")
    shares = class_shares(mine, model, rules, retailers=len(retailers))
    place = ranked["retailer_code"].replace_strict(retailers, pl.int_range(len(retailers), eager=True))
    classes = model.price_class[ranked["sku_code"].replace_strict(model.rows, return_dtype=pl.Int64).to_numpy()]
    share = shares[place.to_numpy(), classes]
    rows = ranked.with_columns(price_class=pl.Series(classes), share=pl.Series(share, dtype=pl.Float64))
    is_observed = model.price_basis == "observed"
    zh_class, en_class = ("单价第 {} 档", "unit-price band {}") if is_observed else ("{} 类价", "price class {}")
    return _reason(
        rows.filter((pl.col("price_class") > 0) & (pl.col("price") >= 0.5)),
        code=pl.lit("price_class_fit"),
        strength=pl.col("price") * _weight("price", rules),
        zh=pl.format(f"属于该户常购的{zh_class}（占其采购 {{}}）", "price_class", _percent("share")),
        en=pl.format(f"In {en_class}, which makes up {{}} of what this shop buys", "price_class", _percent("share")),
        evidence={
            "price_class": pl.col("price_class"),
            "share": pl.col("share").round(3),
            "basis": pl.lit(model.price_basis),
            "value": pl.col("price").round(3),
        },
    )


def _trend(ranked: pl.DataFrame, trends: pl.DataFrame, rules: RankingRules) -> pl.DataFrame:
    rows = ranked.join(trends, on=["retailer_code", "sku_code"]).filter(pl.col("growth") >= rules.trend_from)
    return _reason(
        rows,
        code=pl.lit("region_trend"),
        strength=pl.lit(0.0),
        zh=pl.format("本地区预测需求较近期上升 {}", _percent("growth")),
        en=pl.format("Forecast demand in this region is {} above the recent weeks", _percent("growth")),
        evidence={"growth": pl.col("growth").round(3)},
    )


def _reason(
    rows: pl.DataFrame,
    *,
    code: pl.Expr,
    strength: pl.Expr,
    zh: pl.Expr,
    en: pl.Expr,
    evidence: Mapping[str, pl.Expr],
) -> pl.DataFrame:
    return rows.select(
        *KEY,
        strength=strength.cast(pl.Float64),
        code=code,
        text_zh=zh,
        text_en=en,
        evidence_json=pl.struct(*[value.alias(name) for name, value in evidence.items()]).struct.json_encode(),
    )


def _weight(evidence: str, rules: RankingRules) -> pl.Expr:
    """Weight of an evidence in the row's mode."""
    weights = {mode: rules.weights[mode].get(evidence, 0.0) for mode in rules.weights}
    return pl.col("mode").replace_strict(weights, default=0.0, return_dtype=pl.Float64)


def _number(column: str, digits: int) -> pl.Expr:
    rounded = pl.col(column).round(digits)
    return (rounded.cast(pl.Int64) if digits == 0 else rounded).cast(pl.String)


def _percent(column: str) -> pl.Expr:
    return pl.format("{}%", (pl.col(column) * 100).round(0).cast(pl.Int64))


def _filled(column: str) -> pl.Expr:
    return pl.when(pl.col(column).str.len_bytes() > 0).then(pl.col(column))
