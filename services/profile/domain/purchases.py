"""What a retailer buys, product by product: the summary that followers need."""

import polars as pl

SUMMARY_CAP = 200


def purchase_summary(purchases: pl.DataFrame, clocks: pl.DataFrame, *, cap: int = SUMMARY_CAP) -> pl.DataFrame:
    """Retailer x SKU: cycles bought, last cycle, quantity per cycle bought, interval, amount.

    Only the `cap` products with the greatest amount of each retailer are kept; `sku_total` says how many
    there were. The interval (`interval_mean`, in cycles) is null after a single purchase. Rows are sorted
    by retailer and falling amount.
    """
    dated = purchases.join(clocks.select("market", now="cycle"), on="market").filter(pl.col("cycle") <= pl.col("now"))
    return (
        dated.group_by("retailer_code", "sku_code")
        .agg(
            pl.col("amount").sum(),
            cycles=pl.col("cycle").n_unique().cast(pl.Int32),
            first_cycle=pl.col("cycle").min(),
            last_cycle=pl.col("cycle").max(),
            quantity_base=pl.col("quantity_base").sum(),
        )
        .with_columns(
            quantity_mean=pl.col("quantity_base") / pl.col("cycles"),
            interval_mean=pl.when(pl.col("cycles") > 1).then(
                (pl.col("last_cycle") - pl.col("first_cycle")) / (pl.col("cycles") - 1)
            ),
            sku_total=pl.len().over("retailer_code").cast(pl.Int32),
        )
        .sort("retailer_code", "amount", "sku_code", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("retailer_code") < cap)
    )
