"""Master data that profile keeps: the retailer's card and what it needs to know of a SKU."""

import polars as pl

RETAILER_COLUMNS: dict[str, pl.datatypes.DataTypeClass | pl.DataType] = {
    "record_id": pl.String,
    "retailer_code": pl.String,
    "name": pl.String,
    "city_org": pl.String,
    "org_code": pl.String,
    "adcode": pl.String,
    "account_manager_user_id": pl.String,
    "license_status": pl.String,
    "license_valid_to": pl.Date,
    "school_zone": pl.Boolean,
    "store_format": pl.String,
    "market_type": pl.String,
    "tier": pl.Int64,
    "tier_rank": pl.Float64,
    "tier_scheme": pl.String,
}
SKU_COLUMNS: dict[str, pl.datatypes.DataTypeClass | pl.DataType] = {
    "record_id": pl.String,
    "sku_code": pl.String,
    "price_class": pl.Int64,
    "is_own": pl.Boolean,
}
USUAL_TIERS = 30


def retailer_cards(records: pl.DataFrame) -> pl.DataFrame:
    """The newest card per retailer. `tier_rank` is tier / highest tier of the scheme, null without a tier."""
    rows = with_columns(records, RETAILER_COLUMNS)
    highest = pl.col("tier_scheme").str.extract(r"(\d+)").cast(pl.Int64, strict=False).fill_null(USUAL_TIERS)
    cards = rows.select(
        "retailer_code",
        "record_id",
        pl.col("name").fill_null(""),
        pl.col("adcode").fill_null(""),
        pl.col("license_status").fill_null(""),
        pl.col("school_zone").fill_null(False),
        pl.col("store_format").fill_null(""),
        pl.col("market_type").fill_null(""),
        market=pl.coalesce(_filled("city_org"), _filled("org_code"), pl.lit("")),
        account_manager=pl.col("account_manager_user_id").fill_null(""),
        license_valid_to=pl.col("license_valid_to").cast(pl.Date).cast(pl.String).fill_null(""),
        tier_rank=pl.coalesce("tier_rank", pl.col("tier") / highest).clip(0.0, 1.0),
    )
    return _newest(cards, "retailer_code")


def sku_facts(records: pl.DataFrame) -> pl.DataFrame:
    """The newest price class and ownership per SKU; a SKU whose record does not say is own product."""
    rows = with_columns(records, SKU_COLUMNS)
    facts = rows.select(
        "sku_code", "record_id", pl.col("price_class").cast(pl.Int32), is_own=pl.col("is_own").fill_null(True)
    )
    return _newest(facts, "sku_code")


def with_columns(records: pl.DataFrame, columns: dict[str, pl.datatypes.DataTypeClass | pl.DataType]) -> pl.DataFrame:
    """The records with every named column, in its type; one that a source does not have is null."""
    return records.with_columns(
        (pl.col(name) if name in records.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in columns.items()
    )


def _newest(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    return rows.drop_nulls([key]).sort("record_id").unique(key, keep="last", maintain_order=True)


def _filled(column: str) -> pl.Expr:
    return pl.when(pl.col(column).str.len_bytes() > 0).then(pl.col(column))


def cards_of_orders(records: pl.DataFrame) -> pl.DataFrame:
    """What orders tell of retailers whose card has not come yet: market, region and account manager."""
    columns = {
        name: RETAILER_COLUMNS[name]
        for name in ("record_id", "retailer_code", "city_org", "org_code", "adcode", "account_manager_user_id")
    }
    return retailer_cards(with_columns(records, columns).select(list(columns))).with_columns(record_id=pl.lit(""))


def causes(records: pl.DataFrame, *, trace_id: str, traceparent: str) -> pl.DataFrame:
    """Per retailer the newest record that speaks of it: `occurred_at`, and the trace that brought it.

    Records that were grouped into one message keep the trace of their own request.
    """
    rows = with_columns(
        records,
        {
            "retailer_code": pl.String,
            "record_id": pl.String,
            "occurred_at": pl.Datetime("us", "UTC"),
            "trace_id": pl.String,
        },
    )
    own = pl.when(pl.col("trace_id").str.len_bytes() == 32).then(pl.col("trace_id"))
    named = rows.select(
        "retailer_code", "record_id", "occurred_at", trace_id=pl.coalesce(own, pl.lit(trace_id))
    ).with_columns(
        # The span of another request is not known here; its trace is what matters.
        traceparent=pl.when((pl.col("trace_id") == trace_id) | (pl.col("trace_id") == ""))
        .then(pl.lit(traceparent))
        .otherwise(pl.format("00-{}-{}-00", "trace_id", pl.col("trace_id").str.head(16)))
    )
    return _newest(named, "retailer_code").drop("record_id")
