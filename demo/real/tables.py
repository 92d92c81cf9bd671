"""The tables of the pack, made from the published data sets.

Columns keep the names of the source. A column that the source does not have is listed in NOTICE under "Changes".
Every table is sorted by its day, then by its key, so that it can be sent in the order in which it happened.
"""

from pathlib import Path

import polars as pl

ORDERS_LIVE_FROM = "2011-09-05"
SPIRITS_LIVE_FROM = "2015-11-02"
MANAGERS_OF_AREA = {"GB": 12, "EU": 2, "WW": 1}
HOME = ("GB", "XC")
OVERSEAS = ("AE", "AU", "BH", "BR", "CA", "IL", "JP", "LB", "SA", "SG", "US", "ZZ")
AREA_NAMES = {
    "GB": ("英国与海峡群岛", "United Kingdom and Channel Islands", "GB"),
    "EU": ("欧洲大陆与爱尔兰", "Continental Europe and Ireland", "EU"),
    "WW": ("世界其他地区", "Rest of the world", "ZZ"),
}


def cigarettes(source: Path, places: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """US cigarettes: one row a state and year, with packs and value worked out from the published figures."""
    annual = pl.read_parquet(source / "us_cigarettes_annual" / "annual.parquet")
    packs = (pl.col("packs_million_est") * 1e6).round().cast(pl.Int64)
    annual = annual.with_columns(
        packs.alias("packs"),
        (packs * pl.col("price_usd")).round(2).alias("amount_usd"),
        pl.format("{}-01-01", "year").alias("year_start"),
        pl.format("{}-11-01", "year").alias("price_on"),
    ).sort("year", "state")
    orgs = places.filter(level="province").select(
        state="source_name",
        name_zh="name_zh",
        name_en="name_en",
    )
    skus = pl.DataFrame(
        {"product": ["US-CIG"], "name_zh": ["卷烟（全市场合计）"], "name_en": ["Cigarettes, whole market"]}
    )
    return {"orgs.csv": orgs, "skus.csv": skus, "annual.parquet": annual}


def online_retail(source: Path, places: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Giftware invoices: customers, items and the order lines by month, the last weeks apart for the replay."""
    lines = pl.read_parquet(source / "online_retail" / "orders.parquet").with_columns(
        pl.col("country").cast(pl.String), pl.col("amount").cast(pl.Float64).round(2)
    )
    orders = _order_lines(lines)
    history = orders.filter(pl.col("day") < ORDERS_LIVE_FROM)
    tables = {
        "orgs.csv": _areas(),
        "skus.csv": _gift_items(source),
        "customers.csv": _customers(lines, places),
        "live/orders.parquet": orders.filter(pl.col("day") >= ORDERS_LIVE_FROM),
    }
    return tables | _parts(history, "orders", pl.col("day").str.head(len("2010-12")))


def _order_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """All invoice lines, numbered within their invoice; `status` is cancelled for a cancellation and what it undid."""
    numbered = (
        lines.sort("day", "order_id", "sku", "qty", "amount")
        .with_columns(line=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("order_id"))
        .with_row_index("place")
    )
    is_cancelled = (pl.col("qty") < 0) | pl.col("place").is_in(_undone(numbered).implode())
    return numbered.select(
        "order_id",
        "line",
        "customer",
        pl.col("day").dt.strftime("%Y-%m-%d"),
        pl.col("day").dt.strftime("%G-W%V").alias("iso_week"),
        "sku",
        "qty",
        (pl.col("amount") / pl.col("qty")).round(2).alias("price"),
        "amount",
        pl.when(is_cancelled).then(pl.lit("cancelled")).otherwise(pl.lit("invoiced")).alias("status"),
    )


def _undone(lines: pl.DataFrame) -> pl.Series:
    """Places of the lines undone: for each cancellation the latest line of that customer, item and full quantity.

    The source does not say which invoice a cancellation belongs to. A cancellation of a part of a line undoes none.
    """
    cancellations = lines.filter(pl.col("qty") < 0)
    matched = cancellations.select("customer", "sku", "day", qty=-pl.col("qty")).join_asof(
        lines.filter(pl.col("qty") > 0).select("customer", "sku", "day", "qty", "place"),
        on="day",
        by=["customer", "sku", "qty"],
        strategy="backward",
        check_sortedness=False,
    )
    return matched["place"].drop_nulls().unique().sort()


def _customers(lines: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """One row a customer; one that moved is kept in the country of its latest invoice."""
    countries = places.filter(level="country").select(country="source_name", country_code="adcode")
    latest = lines.sort("day", "order_id", "country").group_by("customer").agg(pl.col("country").last())
    code = pl.col("country_code")
    area = pl.when(code.is_in(HOME)).then(pl.lit("GB")).when(code.is_in(OVERSEAS)).then(pl.lit("WW"))
    managers = pl.col("sales_area").replace_strict(MANAGERS_OF_AREA, return_dtype=pl.Int32)
    number = (pl.col("customer") % managers + 1).cast(pl.String).str.zfill(2)
    return (
        latest.join(countries, on="country", how="left")
        .with_columns(sales_area=area.otherwise(pl.lit("EU")))
        .with_columns(
            name=pl.format("Customer {} ({})", "customer", "country_code"),
            account_manager=pl.format("am-{}-{}", pl.col("sales_area").str.to_lowercase(), number),
        )
        .select("customer", "name", "country", "country_code", "sales_area", "account_manager")
        .sort("customer")
    )


def _areas() -> pl.DataFrame:
    rows = [(area, *names) for area, names in AREA_NAMES.items()]
    return pl.DataFrame(rows, schema=["sales_area", "name_zh", "name_en", "adcode"], orient="row")


def _gift_items(source: Path) -> pl.DataFrame:
    items = pl.read_parquet(source / "online_retail" / "items.parquet")
    return (
        items.with_columns(pl.col("median_price").cast(pl.Float64).round(2))
        .with_columns(price_class=price_class("median_price"))
        .select("sku", "name", "median_price", "price_class")
        .sort("sku")
    )


def spirits(source: Path, places: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Iowa spirits: one row a week, item and county, by year, the last weeks apart for the replay."""
    towns = pl.read_parquet(source / "iowa_spirits_weekly" / "sales.parquet").with_columns(
        pl.col("brand", "item", "county").cast(pl.String), pl.col("litres", "usd").cast(pl.Float64)
    )
    counties = places.filter(level="county").select(county="source_name", county_fips="fips", name="name_en")
    items = _spirit_items(towns)
    sales = _county_weeks(towns, items, counties)
    tables = {
        "orgs.csv": counties,
        "skus.csv": items,
        "live/sales.parquet": sales.filter(pl.col("monday") >= SPIRITS_LIVE_FROM),
    }
    history = sales.filter(pl.col("monday") < SPIRITS_LIVE_FROM)
    return tables | _parts(history, "sales", pl.col("monday").str.head(len("2012")))


def _spirit_items(towns: pl.DataFrame) -> pl.DataFrame:
    price = (pl.col("usd").sum() / pl.col("litres").sum()).round(2)
    return (
        towns.group_by("brand", "item")
        .agg(usd_per_litre=price)
        .sort("brand", "item")
        .with_columns(
            item_code=pl.format("IA{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(3)),
            brand_code=pl.col("brand").str.to_uppercase().str.replace_all(" ", "-"),
            price_class=price_class("usd_per_litre"),
        )
        .select("item_code", "item", "brand", "brand_code", "usd_per_litre", "price_class")
    )


def _county_weeks(towns: pl.DataFrame, items: pl.DataFrame, counties: pl.DataFrame) -> pl.DataFrame:
    volume = (pl.col("litres").sum() * 1000).round().cast(pl.Int64)
    return (
        towns.join(items.select("item", "item_code"), on="item")
        .join(counties.select("county", "county_fips"), on="county")
        .group_by("week", "item_code", "county_fips")
        .agg(volume_ml=volume, usd=pl.col("usd").sum().round(2))
        .with_columns(
            week=pl.col("week").dt.strftime("%Y-%m-%d"),
            monday=pl.col("week").dt.offset_by("1d").dt.strftime("%Y-%m-%d"),
        )
        .select("week", "monday", "item_code", "county_fips", "volume_ml", "usd")
        .sort("monday", "item_code", "county_fips")
    )


def _parts(table: pl.DataFrame, name: str, period: pl.Expr) -> dict[str, pl.DataFrame]:
    groups = table.group_by(period.alias("period"), maintain_order=True)
    return {f"{name}-{value}.parquet": part for (value,), part in groups}


def price_class(column: str) -> pl.Expr:
    """Price class 1 (dearest fifth) to 5 (cheapest fifth) by rank, for goods that the trade's own bands do not fit.

    Class 1 is the dearest, as in the trade. Equal prices share the class of their mean rank.
    """
    rank = pl.col(column).rank("average", descending=True)
    return ((rank * 5 / pl.len()).ceil().clip(1, 5)).cast(pl.Int32)
