"""DQ-24: what was sent arrives, what was paid is what was owed, and a stock follows from the one before."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import Floats, as_decimals, as_floats, choose, empty, filled
from services.ingest.domain.schemas.fields import MONEY

TOLERANCE = 0.005
CENTS = 0.05
PAIRS = {
    "transfer": ("received_base", "qty_base", "the receipt differs from what was shipped; open a ticket"),
    "purchase_order": ("received_qty", "qty", "the receipt differs from what was ordered"),
}
CHANGES = ("received_base", "sold_base", "adjusted_base")


def check(batch: Batch) -> None:
    name = batch.kind.name
    if name in PAIRS:
        _compare(batch, *PAIRS[name])
    elif name == "settlement":
        _settle(batch)
    else:
        _roll(batch)


def _compare(batch: Batch, got: str, sent: str, message: str) -> None:
    gots, sents = batch.numbers(got), batch.numbers(sent)
    if gots is None or sents is None:
        return
    batch.find("DQ-24", Severity.WARN, got, np.abs(gots - sents) > 1e-6 * np.abs(sents), message)


def _settle(batch: Batch) -> None:
    amounts, paid, vat = batch.numbers("amount_ex_vat"), batch.numbers("paid"), batch.numbers("vat")
    if amounts is None:
        return
    owed = amounts + _or_nothing(vat, batch) - _or_nothing(paid, batch)
    given = batch.get("diff")
    missing = ~batch.present("diff") & np.isfinite(owed)
    if missing.any():
        computed = as_decimals(owed, MONEY)
        batch.put("diff", computed if given is None else choose(missing, computed, given))
        batch.mend(
            "DQ-24", "diff", missing, None, "no difference was given; invoice and VAT less payment was filled in"
        )
    if given is not None:
        wrong = np.abs(as_floats(given) - owed) > CENTS
        batch.find("DQ-24", Severity.WARN, "diff", wrong, "the difference is not invoice and VAT less payment")


def _or_nothing(values: Floats | None, batch: Batch) -> Floats:
    return np.zeros(batch.size) if values is None else np.nan_to_num(values)


def _roll(batch: Batch) -> None:
    """stock(t) = stock(t-1) + received - sold + adjusted within 0.5 %, where the record tells what changed."""
    told = batch.present(CHANGES[0]) & batch.present(CHANGES[1])
    stocks = batch.numbers("stock_base")
    if stocks is None or not told.any():
        return
    received, sold, adjusted = (_or_nothing(batch.numbers(name), batch) for name in CHANGES)
    opening = _day_before(batch, stocks)
    expected = opening + received - sold + adjusted
    off = np.abs(stocks - expected) > TOLERANCE * np.maximum(np.abs(expected), np.abs(opening))
    message = "the stock does not follow from the day before, what was received, sold and adjusted"
    batch.find("DQ-24", Severity.WARN, "stock_base", told & off, message)


def _day_before(batch: Batch, stocks: Floats) -> Floats:
    """The stock of the day before, in the batch or as the door knows it; NaN where nobody does."""
    nobody = empty(pl.String(), batch.size)
    names = {name: batch.columns.get(name, nobody) for name in ("org_code", "sku_code")}
    frame = pl.DataFrame({**names, "biz_date": batch.columns["biz_date"], "stock_base": stocks})
    told = frame.filter(filled(frame.get_column("biz_date")) & ~batch.refused()).with_columns(
        pl.col("biz_date").dt.offset_by("1d")
    )
    keys = ["org_code", "sku_code", "biz_date"]
    known = batch.door.directory.stocks.following(frame.select(keys))
    before = frame.join(told.unique(keys, keep="last"), on=keys, how="left", maintain_order="left", suffix="_before")
    return as_floats(before.get_column("stock_base_before").fill_nan(None).fill_null(known))


RULE = Rule(
    id="DQ-24",
    severity=Severity.REPAIR,
    order=79,
    doc="Received and sent, paid and owed, a stock and the one before it agree; a difference is marked.",
    check=check,
    concerns=kinds(*PAIRS, "settlement", "commercial_stock"),
)
