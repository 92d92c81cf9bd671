"""What follows from the fields of a record itself: the demand of an order, its cycle, dates and identity."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch
from services.ingest.domain.cleaning.identity import identify
from services.ingest.domain.frames.columns import choose, empty, filled
from services.ingest.domain.schemas.fields import UTC_TIME
from services.ingest.domain.values.times import business_days, monday


def derive_dates(batch: Batch) -> None:
    """`occurred_at` and `biz_date`; master data without a time of its own occurred when it arrived."""
    occurred = batch.get(batch.kind.occurred)
    if occurred is None:
        occurred = empty(UTC_TIME, batch.size)
    if occurred.dtype == pl.Date:
        local = occurred.cast(pl.Datetime("us")).dt.replace_time_zone(str(batch.door.zone))
        occurred = local.dt.convert_time_zone("UTC")
    if occurred.null_count():
        arrived = pl.Series("now", [batch.door.now]).cast(UTC_TIME).new_from_index(0, batch.size)
        occurred = choose(filled(occurred), occurred, arrived)
    batch.put("occurred_at", occurred)
    if batch.get("biz_date") is None:
        batch.put("biz_date", _business_day(batch, occurred))


def _business_day(batch: Batch, occurred: pl.Series) -> pl.Series:
    """The day a record belongs to: that of its `day` field where it has one, else that of `occurred_at`."""
    named = batch.get(batch.kind.day) if batch.kind.day else None
    if named is None or named.null_count() == batch.size:
        return business_days(occurred, batch.door.zone)
    if named.dtype == pl.String:
        named = monday(named)
    elif named.dtype != pl.Date:
        named = business_days(named, batch.door.zone)
    if not named.null_count():
        return named
    return choose(filled(named), named, business_days(occurred, batch.door.zone))


def derive(batch: Batch) -> None:
    """Fills derived fields, then the key and the digest by which repetitions are told."""
    if batch.kind.field("demand_is_order") is not None:
        _demand(batch)
        _cycle(batch)
    identify(batch)


def _demand(batch: Batch) -> None:
    missing = ~batch.present("qty_demand_base")
    batch.put("demand_is_order", pl.Series(missing))
    orders = batch.get("qty_order_base")
    if orders is not None and missing.any():
        demands = batch.get("qty_demand_base")
        batch.put("qty_demand_base", orders if demands is None else choose(missing, orders, demands))


def _cycle(batch: Batch) -> None:
    missing = ~batch.present("cycle")
    times = batch.get("ordered_at")
    if times is None or not missing.any():
        return
    weeks = times.dt.convert_time_zone(str(batch.door.zone)).dt.strftime("%G-W%V")
    given = batch.get("cycle")
    batch.put("cycle", weeks if given is None else choose(missing, weeks, given))
