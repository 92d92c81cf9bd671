"""Order lines: what profile keeps of the `commercial_order` records."""

import polars as pl

from services.profile.domain.cycles import cycle_of_date, cycle_of_text
from services.profile.domain.masters import with_columns

KEY = ("order_no", "line_no")
RECORD_COLUMNS: dict[str, pl.datatypes.DataTypeClass | pl.DataType] = {
    "order_no": pl.String,
    "line_no": pl.Int64,
    "record_id": pl.String,
    "retailer_code": pl.String,
    "sku_code": pl.String,
    "city_org": pl.String,
    "org_code": pl.String,
    "cycle": pl.String,
    "biz_date": pl.Date,
    "qty_order_base": pl.Int64,
    "qty_demand_base": pl.Int64,
    "amount": pl.Decimal(14, 2),
    "currency": pl.String,
    "state": pl.String,
    "op": pl.String,
}
NOT_BOUGHT = ("cancelled", "rejected", "refused", "void", "returned")


def order_lines(records: pl.DataFrame) -> pl.DataFrame:
    """Reduce accepted order records to the newest line per business key.

    Every column of the record may be missing except the keys; the market is the `city_org` of the record,
    else its `org_code`; the cycle is the record's ISO week, else the week of its business date. A cancelled
    or deleted line is kept with `is_counted` false, so that a late copy of its older content cannot bring
    it back.
    """
    present = with_columns(records, RECORD_COLUMNS)
    lines = present.select(
        "order_no",
        pl.col("line_no").cast(pl.Int32),
        "record_id",
        "retailer_code",
        "sku_code",
        market=pl.coalesce(_text("city_org"), _text("org_code"), pl.lit("")),
        cycle=pl.coalesce(cycle_of_text("cycle"), cycle_of_date("biz_date")),
        biz_date=pl.col("biz_date").cast(pl.Date),
        quantity_base=pl.col("qty_order_base").cast(pl.Int64).fill_null(0),
        demand_base=pl.coalesce("qty_demand_base", "qty_order_base").cast(pl.Int64).fill_null(0),
        amount=pl.col("amount").cast(pl.Decimal(14, 2)).fill_null(0),
        currency=pl.col("currency").fill_null(""),
        is_counted=_is_bought(),
    )
    return newest(lines.drop_nulls(["order_no", "line_no", "retailer_code", "sku_code", "cycle"]))


def deleted_keys(records: pl.DataFrame) -> pl.DataFrame:
    """The lines that records take back by their key alone, with the record that does."""
    present = with_columns(records, RECORD_COLUMNS)
    bare = pl.col("op").eq_missing("delete") & (pl.col("retailer_code").is_null() | pl.col("sku_code").is_null())
    keys = present.filter(bare).select("order_no", pl.col("line_no").cast(pl.Int32), "record_id")
    return newest(keys.drop_nulls())


def newest(lines: pl.DataFrame) -> pl.DataFrame:
    """One line per business key: the one with the greatest record id (ULIDs grow with arrival)."""
    return lines.sort("record_id").unique(list(KEY), keep="last", maintain_order=True)


def market_clock(lines: pl.DataFrame) -> pl.DataFrame:
    """The newest business date and cycle per market; this is "now" for everybody in it."""
    return lines.filter("is_counted").group_by("market").agg(pl.col("cycle").max(), pl.col("biz_date").max())


def _is_bought() -> pl.Expr:
    is_deleted = pl.col("op").fill_null("upsert") == "delete"
    is_called_off = pl.col("state").fill_null("").str.to_lowercase().is_in(NOT_BOUGHT)
    return ~is_deleted & ~is_called_off & (pl.col("qty_order_base").fill_null(0) > 0)


def _text(column: str) -> pl.Expr:
    return pl.when(pl.col(column).str.len_bytes() > 0).then(pl.col(column))
