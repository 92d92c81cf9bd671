"""The lists of a market's retailers as they are kept, and what becomes of the recommendations before them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from services.recommend.domain.limits import with_limits
from services.recommend.domain.model import MarketModel
from services.recommend.domain.ranking import rank_products
from services.recommend.domain.reasons import with_reasons
from services.recommend.domain.rules import RankingRules

ACCEPTED_CYCLES = 4
"""For so many weeks an accepted recommendation waits for the order that completes it."""


@dataclass(frozen=True, slots=True)
class ListInput:
    """What the lists of some retailers of one market are made from.

    `shops`: retailer_code, name, adcode, account_manager, license_status, license_valid_to, school_zone, is_key;
    `purchases` as for `rank_products`; `products`: sku_code, name_zh, name_en, base_unit, licence_required, status,
    supply_state;
    `trends`: region, sku_code, growth; `avoided`: retailer_code, sku_code that no list shall hold.
    `cycle` is the market's clock, `today` the ISO day of the wall clock, which licences are held against.
    """

    cycle: int
    today: str
    shops: pl.DataFrame
    purchases: pl.DataFrame
    products: pl.DataFrame
    trends: pl.DataFrame
    avoided: pl.DataFrame


def make_lists(given: ListInput, model: MarketModel, rules: RankingRules) -> pl.DataFrame:
    """Ranked products with id, reasons, limits and quantity; `content` changes when anything a reader sees does."""
    at_clock = replace(model, cycle=given.cycle)
    gone = given.products.filter(pl.col("status") == "exit")["sku_code"].to_list()
    ranked = rank_products(
        given.shops.select("retailer_code", gets_new=~pl.col("school_zone")),
        given.purchases,
        at_clock,
        rules,
        excluded=frozenset(gone),
        avoided=given.avoided,
    )
    trends = _trends_of(ranked, given.shops, given.trends)
    told = with_reasons(ranked, given.purchases, trends=trends, names=given.products, model=at_clock, rules=rules)
    # Nothing is recommended without a reason (C-08).
    founded = told.filter(pl.col("reasons") != "[]").with_columns(
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("retailer_code", "mode")
    )
    limited = with_limits(founded, given.shops, given.products, today=given.today)
    placed = (
        limited.join(
            target_cycles(given.shops, given.purchases, given.cycle), on="retailer_code", maintain_order="left"
        )
        .join(
            given.shops.select("retailer_code", "account_manager", retailer_name="name"),
            on="retailer_code",
            maintain_order="left",
        )
        .join(
            given.products.select("sku_code", "name_zh", "name_en", "base_unit"),
            on="sku_code",
            how="left",
            maintain_order="left",
        )
        .join(_quantities(given.purchases, model), on=["retailer_code", "sku_code"], how="left", maintain_order="left")
        .join(_usual_quantities(model), on="sku_code", how="left", maintain_order="left")
    )
    return (
        placed.with_columns(
            pl.col("name_zh", "name_en", "base_unit").fill_null(""),
            id=pl.Series(
                _ids(placed.select("retailer_code", "mode", "sku_code", "cycle").iter_rows()), dtype=pl.String
            ),
            quantity_base=pl.coalesce("own_quantity", "usual_quantity", 0.0).round().clip(lower_bound=0).cast(pl.Int64),
            limits=pl.format('["{}"]', pl.col("limits").list.join('","')).replace('[""]', "[]"),
            score=pl.col("score").round(3),
        )
        .drop("own_quantity", "usual_quantity", "repurchase", "peers", "price")
        .with_columns(
            content=pl.struct("rank", "score", "quantity_base", "reasons", "limits", "account_manager")
            .hash()
            .reinterpret(signed=True)
        )
    )


def _trends_of(ranked: pl.DataFrame, shops: pl.DataFrame, trends: pl.DataFrame) -> pl.DataFrame:
    """How demand for ranked products grows in the retailer's own region, or else in its province."""
    province = pl.col("adcode").str.slice(0, 2) + "0000"
    wanted = (
        ranked.select("retailer_code", "sku_code")
        .unique()
        .join(shops.select("retailer_code", "adcode", province=province), on="retailer_code")
    )
    by_region = wanted.join(trends, left_on=["adcode", "sku_code"], right_on=["region", "sku_code"], how="left")
    by_province = trends.rename({"growth": "growth_of_province"})
    return by_region.join(
        by_province, left_on=["province", "sku_code"], right_on=["region", "sku_code"], how="left"
    ).select("retailer_code", "sku_code", growth=pl.coalesce("growth", "growth_of_province"))


def target_cycles(shops: pl.DataFrame, purchases: pl.DataFrame, cycle: int) -> pl.DataFrame:
    """The week each retailer's list is for: this one while it has not ordered in it, else the next."""
    last = purchases.group_by("retailer_code").agg(last=pl.col("last_cycle").max())
    return (
        shops.select("retailer_code")
        .join(last, on="retailer_code", how="left", maintain_order="left")
        .select(
            "retailer_code",
            cycle=(pl.lit(cycle) + (pl.col("last").fill_null(-1) >= cycle).cast(pl.Int32)).cast(pl.Int32),
        )
    )


def recommendation_id(retailer: str, mode: str, sku: str, cycle: int) -> str:
    """The same retailer, mode, product and week always give the same id."""
    return hashlib.blake2b(f"{retailer}\x1f{mode}\x1f{sku}\x1f{cycle}".encode(), digest_size=12).hexdigest()


def _ids(rows: Iterable[tuple[str, str, str, int]]) -> list[str]:
    return [recommendation_id(*row) for row in rows]


def _quantities(purchases: pl.DataFrame, model: MarketModel) -> pl.DataFrame:
    known = purchases.filter(pl.col("sku_code").is_in(list(model.rows)))
    return known.select("retailer_code", "sku_code", own_quantity=pl.col("quantity_mean").clip(lower_bound=1.0))


def _usual_quantities(model: MarketModel) -> pl.DataFrame:
    return pl.DataFrame(
        {"sku_code": model.sku_codes, "usual_quantity": model.quantity}, schema_overrides={"sku_code": pl.String}
    )


def settled(lists: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Rows of the lists that are new or read differently, with `state` and `revision`.

    `kept` has `id, state, content, revision, created_at` of what is kept. A person's answer stays; a withdrawn one
    comes back. `created_at` is null for new ones.
    """
    joined = lists.join(
        kept.select("id", "created_at", kept_state="state", kept_content="content", kept_revision="revision"),
        on="id",
        how="left",
        maintain_order="left",
    )
    state = pl.col("kept_state").fill_null("open").replace("withdrawn", "open")
    differs = pl.col("kept_content").ne_missing(pl.col("content")) | pl.col("kept_state").ne_missing(state)
    return (
        joined.filter(differs)
        .with_columns(state=state, revision=pl.col("kept_revision").fill_null(0) + 1)
        .drop("kept_state", "kept_content", "kept_revision")
    )


def ended(lists: pl.DataFrame, kept: pl.DataFrame, targets: pl.DataFrame, purchases: pl.DataFrame) -> pl.DataFrame:
    """`id, retailer_code, state, revision` of kept recommendations that the new lists leave behind.

    Shown or accepted and bought since: done. Of an earlier week: expired (accepted ones wait `ACCEPTED_CYCLES`).
    Open ones of this week that the lists no longer hold: withdrawn.
    """
    bought = purchases.select("retailer_code", "sku_code", "last_cycle")
    left = (
        kept.join(lists.select("id"), on="id", how="anti")
        .join(targets.select("retailer_code", target="cycle"), on="retailer_code")
        .join(bought, on=["retailer_code", "sku_code"], how="left", maintain_order="left")
    )
    state, age = pl.col("state"), pl.col("target") - pl.col("cycle")
    is_done = state.is_in(["shown", "accepted"]) & (pl.col("last_cycle") >= pl.col("cycle")).fill_null(False)
    is_past = (state.is_in(["open", "shown"]) & (age > 0)) | ((state == "accepted") & (age > ACCEPTED_CYCLES))
    after = (
        pl.when(is_done)
        .then(pl.lit("done"))
        .when(is_past)
        .then(pl.lit("expired"))
        .when(state == "open")
        .then(pl.lit("withdrawn"))
    )
    return left.select("id", "retailer_code", state=after, revision=pl.col("revision") + 1).drop_nulls("state")
