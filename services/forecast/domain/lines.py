"""Records become lines, and lines become cells of weeks, months and years.

A line is the newest content of one business key (an order line, a sale of a period). The history keeps lines, so a
record that comes again changes nothing and a correction replaces: cells move by the difference between the new and
the old content. Cancelled, deleted, returned and negative lines count zero.
"""

import polars as pl

from services.forecast.domain.regions import Regions

Schema = dict[str, pl.DataType | type[pl.DataType]]

LINE: Schema = {
    "key": pl.String,
    "adcode": pl.String,
    "sku_code": pl.String,
    "measure": pl.String,
    "market": pl.String,
    "pool": pl.String,
    "reported": pl.String,
    "biz_date": pl.Date,
    "quantity": pl.Float64,
    "demand": pl.Float64,
    "amount": pl.Float64,
    "ingested_at": pl.Datetime("us", "UTC"),
    "trace_id": pl.String,
}
"""`reported` is the grain of the report: day, week, month or year; quantities in base units, `demand` uncapped."""

PRICE: Schema = {
    "key": pl.String,
    "adcode": pl.String,
    "sku_code": pl.String,
    "unit": pl.String,
    "observed_on": pl.Date,
    "price": pl.Float64,
    "ingested_at": pl.Datetime("us", "UTC"),
    "trace_id": pl.String,
}
_DROPPED_STATES = ("cancelled", "rejected", "refused")


def lines_of(kind: str, records: pl.DataFrame) -> pl.DataFrame:
    """Lines of sale or order records, one for each business key; those of no region are left out."""
    records = _with_columns(records, ("op", "state", "currency", "trace_id", "qty_demand_base", "city_org", "org_code"))
    made = _of_sales(records) if kind == "commercial_sale" else _of_orders(records)
    counts = (pl.col("quantity") > 0) & (pl.col("op").fill_null("upsert") != "delete")
    values = [pl.when(counts).then(pl.col(name).clip(0)).otherwise(0.0).alias(name) for name in _VALUES]
    return _newest(made.with_columns(values)).select(pl.col(name).cast(kind) for name, kind in LINE.items())


_VALUES = ("quantity", "demand", "amount")


def deleted_orders(records: pl.DataFrame) -> pl.DataFrame:
    """Keys of the order lines that records take back by their key alone: key, ingested_at, trace_id."""
    records = _with_columns(records, ("op", "trace_id", "adcode", "sku_code"))
    bare = pl.col("op").eq_missing("delete") & (pl.col("adcode").is_null() | pl.col("sku_code").is_null())
    keyed = records.filter(bare).with_columns(key=pl.concat_str(pl.lit("order"), "order_no", "line_no", separator="|"))
    newest = keyed.sort("ingested_at", maintain_order=True).unique("key", keep="last", maintain_order=True)
    return newest.select("key", "ingested_at", "trace_id")


def without(lines: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Lines that are not taken back, or came again after that."""
    ends = gone.select("key", gone_at="ingested_at")
    kept = lines.join(ends, on="key", how="left", maintain_order="left")
    return kept.filter(pl.col("gone_at").is_null() | (pl.col("ingested_at") > pl.col("gone_at"))).drop("gone_at")


def emptied(stored: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Stored lines as their deletion leaves them: in their place, counting zero."""
    lines = stored.drop("ingested_at").join(gone, on="key")
    zeros = [pl.lit(0.0).alias(name) for name in _VALUES]
    # The series exists already, and keeps its market and pool.
    placed = lines.with_columns(*zeros, market=pl.lit(""), pool=pl.lit(""))
    return placed.select(pl.col(name).cast(kind) for name, kind in LINE.items())


def _of_sales(records: pl.DataFrame) -> pl.DataFrame:
    return records.with_columns(
        key=pl.concat_str(
            pl.lit("sale"), "org_code", "sku_code", "period", "biz_date", separator="|", ignore_nulls=True
        ),
        market=pl.col("org_code").fill_null(""),
        measure=pl.lit("sales"),
        pool=pl.col("currency").fill_null("") + "/sales",
        reported=pl.col("period"),
        quantity=pl.col("qty_base").cast(pl.Float64),
        demand=pl.col("qty_base").cast(pl.Float64),
        amount=pl.col("amount").cast(pl.Float64).fill_null(0.0),
    )


def _of_orders(records: pl.DataFrame) -> pl.DataFrame:
    ordered = pl.col("qty_order_base").cast(pl.Float64)
    stands = ~pl.col("state").is_in(_DROPPED_STATES).fill_null(False)
    return records.with_columns(
        key=pl.concat_str(pl.lit("order"), "order_no", "line_no", separator="|"),
        market=pl.coalesce("city_org", "org_code", pl.lit("")),
        measure=pl.lit("orders"),
        pool=pl.col("currency").fill_null("") + "/orders",
        reported=pl.lit("day"),
        quantity=pl.when(stands).then(ordered).otherwise(0.0),
        demand=pl.max_horizontal(ordered, pl.col("qty_demand_base").cast(pl.Float64)),
        amount=pl.col("amount").cast(pl.Float64).fill_null(0.0),
    )


def prices_of(records: pl.DataFrame) -> pl.DataFrame:
    """Price lines of `price_observation` records; a deleted one has a null price."""
    records = _with_columns(records, ("op", "trace_id", "retailer_code", "collector", "unit"))
    deleted = pl.col("op").fill_null("upsert") == "delete"
    place = pl.coalesce("retailer_code", "adcode")
    made = records.with_columns(
        key=pl.concat_str(
            pl.lit("price"), place, "sku_code", "observed_at", pl.col("collector").fill_null(""), separator="|"
        ),
        unit=pl.col("unit").fill_null("carton"),
        observed_on=pl.col("biz_date") if "biz_date" in records.columns else pl.col("observed_at").cast(pl.Date),
        price=pl.when(~deleted).then(pl.col("price_observed").cast(pl.Float64)),
    )
    return _newest(made).select(pl.col(name).cast(kind) for name, kind in PRICE.items())


def _with_columns(records: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    absent = [name for name in names if name not in records.columns]
    return records.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)


def _newest(made: pl.DataFrame) -> pl.DataFrame:
    placed = made.filter(pl.all_horizontal(pl.col("key", "adcode", "sku_code").is_not_null()))
    return placed.sort("ingested_at", maintain_order=True).group_by("key", maintain_order=True).last()


def differences(new: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Lines whose sum moves the cells from the old contents to the new ones: the new ones, and the old ones negated."""
    columns = [name for name in LINE if name in old.columns]
    negated = old.select(columns).with_columns(-pl.col(name) for name in _VALUES)
    return pl.concat([new.select(columns), negated])


def week_cells(lines: pl.DataFrame) -> pl.DataFrame:
    """Sums by series and ISO week: adcode, sku_code, measure, reported, week, quantity (demand), amount.

    A weekly report belongs to the ISO week that holds its fourth day; months and years have no week.
    """
    shift = pl.when(pl.col("reported") == "week").then(3).otherwise(0)
    weekly = lines.filter(pl.col("reported").is_in(["day", "week"]))
    return (
        weekly.with_columns(week=(pl.col("biz_date") + pl.duration(days=shift)).dt.truncate("1w"))
        .group_by("adcode", "sku_code", "measure", "reported", "week")
        .agg(quantity=pl.col("demand").sum(), amount=pl.col("amount").sum())
        .filter((pl.col("quantity") != 0) | (pl.col("amount") != 0))
    )


def month_cells(lines: pl.DataFrame) -> pl.DataFrame:
    """Sums by region, product and month or year: adcode, sku_code, grain, reported, starts_on, quantity (confirmed).

    A week that lies in two months is shared out by days.
    """
    first = pl.col("biz_date").dt.truncate("1mo")
    last_day = pl.col("biz_date") + pl.duration(days=6)
    is_week = pl.col("reported") == "week"
    next_month = last_day.dt.truncate("1mo")
    later = pl.when(is_week & (next_month > first)).then(last_day.dt.day() / 7.0).otherwise(0.0)
    columns = ("adcode", "sku_code", "measure", "reported")
    own = lines.select(
        *columns,
        grain=pl.when(pl.col("reported") == "year").then(pl.lit("year")).otherwise(pl.lit("month")),
        starts_on=pl.when(pl.col("reported") == "year").then(pl.col("biz_date").dt.truncate("1y")).otherwise(first),
        quantity=pl.col("quantity") * (1 - later),
    )
    spilt = lines.select(
        *columns, grain=pl.lit("month"), starts_on=next_month, quantity=pl.col("quantity") * later
    ).filter(pl.col("quantity") != 0)
    sums = pl.concat([own, spilt]).group_by(*columns, "grain", "starts_on").agg(pl.col("quantity").sum())
    return sums.filter(pl.col("quantity") != 0)


def unit_cells(cells: pl.DataFrame, regions: Regions, skus: pl.DataFrame) -> pl.DataFrame:
    """Month cells summed up for every wider region, and for all products of a base unit (sku_code empty).

    `skus`: sku_code, base_unit.
    """
    placed = cells.join(skus.select("sku_code", "base_unit"), on="sku_code", how="left").with_columns(
        pl.col("base_unit").fill_null("stick")
    )
    wide = placed.join(regions.reaching(placed["adcode"]).drop("distance"), on="adcode")
    both = pl.concat([wide, wide.with_columns(sku_code=pl.lit(""))])
    keys = ("region", "sku_code", "base_unit", "measure", "grain", "reported", "starts_on")
    return both.rename({"ancestor": "region"}).group_by(keys).agg(pl.col("quantity").sum())


def covered(lines: pl.DataFrame) -> pl.DataFrame:
    """The days that each line covers: adcode, sku_code, measure, market, pool, covered_from, covered_through."""
    ends = {"day": "0d", "week": "6d", "month": "1mo", "year": "1y"}
    spans = lines.with_columns(end=pl.col("reported").replace_strict(ends, default="0d"))
    through = pl.col("biz_date").dt.offset_by(pl.col("end"))
    whole = pl.col("reported").is_in(["month", "year"])
    through = pl.when(whole).then(through - pl.duration(days=1)).otherwise(through)
    return spans.group_by("adcode", "sku_code", "measure", "market", "pool").agg(
        covered_from=pl.col("biz_date").min(), covered_through=through.max()
    )


def carton_prices(prices: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """Prices per carton, from the product's own pack size; `skus`: sku_code, packs_per_carton, sticks_per_pack."""
    sized = prices.join(skus, on="sku_code", how="left")
    packs = pl.col("packs_per_carton").fill_null(10)
    factor = (
        pl.when(pl.col("unit") == "pack")
        .then(packs)
        .when(pl.col("unit") == "stick")
        .then(packs * pl.col("sticks_per_pack").fill_null(20))
        .otherwise(1)
    )
    return sized.with_columns(pl.col("price") * factor).select(PRICE.keys())
