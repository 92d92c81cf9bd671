"""What a retailer buys, product by product: the summary that followers need."""

import polars as pl

SUMMARY_CAP = 200
"""So many products of a retailer are told of in full, those with the greatest amounts; of the rest only the code."""


def purchase_summary(purchases: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """Retailer x SKU: cycles bought, first and last cycle, quantity per cycle bought, interval, amount.

    `place` counts a retailer's products from 1 by falling amount. The interval (`interval_mean`, in cycles) is null
    after a single purchase. Rows are sorted by retailer and place.
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
        )
        .sort("retailer_code", "amount", "sku_code", descending=[False, True, False])
        .with_columns(place=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("retailer_code"))
    )
