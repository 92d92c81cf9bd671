"""K-05: no more is taken out of a slot than is in it."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds

LEG = ("wh_code", "slot", "sku_code", "batch_no")
NEEDED = ("wh_code", "move", "sku_code", "qty_base", "started_at")


def check(batch: Batch) -> None:
    if any(batch.get(name) is None for name in NEEDED):
        return
    moves = {name: batch.columns[name] for name in NEEDED}
    for name in ("batch_no", "from_slot", "to_slot"):
        values = batch.get(name)
        moves[name] = pl.Series([None], dtype=pl.String).new_from_index(0, batch.size) if values is None else values
    frame = pl.DataFrame(moves).with_row_index("place").filter(pl.Series(~batch.refused()))
    overdrawn = balances(frame).filter(pl.col("balance") < 0).get_column("place")
    mask = pl.Series(range(batch.size)).is_in(overdrawn.implode()).to_numpy()
    message = "more is taken out of the slot than was counted and put into it"
    batch.find("K-05", Severity.QUARANTINE, "from_slot", mask, message)


def balances(moves: pl.DataFrame) -> pl.DataFrame:
    """What is in a slot after each move, by product and batch: `place` and `balance`.

    A count says what there is; before the first count of a slot nobody knows, and the balance is null.
    """
    counted = pl.col("move") == "count"
    columns = ["place", "wh_code", "sku_code", "batch_no", "started_at"]
    into = moves.filter(pl.col("to_slot").is_not_null() & ~counted).select(
        *columns, slot="to_slot", qty="qty_base", is_count=pl.lit(value=False)
    )
    out = moves.filter(pl.col("from_slot").is_not_null() & ~counted).select(
        *columns, slot="from_slot", qty=-pl.col("qty_base"), is_count=pl.lit(value=False)
    )
    count = moves.filter(counted).select(
        *columns, slot=pl.coalesce("to_slot", "from_slot"), qty="qty_base", is_count=pl.lit(value=True)
    )
    legs = pl.concat([into, out, count]).sort("started_at", "place")
    stretch = legs.with_columns(counts=pl.col("is_count").cum_sum().over(LEG))
    sums = pl.col("qty").cum_sum().over(*LEG, "counts")
    return stretch.select("place", balance=pl.when(pl.col("counts") > 0).then(sums))


RULE = Rule(
    id="K-05",
    severity=Severity.QUARANTINE,
    order=76,
    doc="After a count of a slot, no move of a body takes out more than is in it; `slot_balance` has the book's.",
    check=check,
    concerns=kinds("wms_move"),
)
