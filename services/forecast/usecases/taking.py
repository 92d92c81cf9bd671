"""Records move the history, and mark what must be forecast again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from services.forecast.domain.demand.panel import group_totals
from services.forecast.domain.lines import (
    carton_prices,
    covered,
    deleted_orders,
    differences,
    emptied,
    lines_of,
    month_cells,
    prices_of,
    unit_cells,
    week_cells,
    without,
)
from services.forecast.domain.regions import Regions
from services.forecast.domain.working_set import complete_weeks
from services.forecast.usecases.ports import History, Store

_PLACE = ["adcode", "sku_code", "measure"]


@dataclass(frozen=True, slots=True)
class Taking:
    """How records are taken in."""

    regions: Regions
    week_closes_on: int = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A message: records of one kind."""

    message_id: str
    kind: str
    records: pl.DataFrame


async def take_in_records(store: Store, how: Taking, parts: Sequence[Part], *, consumer: str) -> int:
    """Takes in messages, in order and each once, in one transaction; returns how many had not been heard before.

    Those of one kind that follow each other are taken as one: the sums of a thousand lines mostly meet the same rows.
    """
    async with store.write() as unit:
        new = await unit.new_ones(consumer, [part.message_id for part in parts])
        fresh = [part for part in parts if part.message_id in new]
        for kind, alike in itertools.groupby(fresh, key=lambda part: part.kind):
            # Records of an older version of the schema lack its newest columns.
            await _take(unit, how, kind, pl.concat([part.records for part in alike], how="diagonal_relaxed"))
    return len(fresh)


async def _take(unit: History, how: Taking, kind: str, records: pl.DataFrame) -> None:
    if kind == "sku":
        if "op" in records.columns:
            # A product that is taken back leaves its sales, which are still counted in its units.
            records = records.filter(~pl.col("op").eq_missing("delete"))
        await _take_skus(unit, records)
    elif kind == "price_observation":
        await _take_prices(unit, records)
    else:
        lines = lines_of(kind, records)
        gone = deleted_orders(records) if kind == "commercial_order" else None
        if gone is not None and not gone.is_empty():
            lines = without(lines, gone)
            gone = gone.join(lines, on="key", how="anti")
            lines = pl.concat([lines, emptied(await unit.stored_lines(gone), gone)])
        await _take_lines(unit, how, lines)


async def _take_skus(unit: History, records: pl.DataFrame) -> None:
    absent = [name for name in ("price_guide", "trace_id") if name not in records.columns]
    records = records.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)
    newest = records.sort("occurred_at").group_by("sku_code", maintain_order=True).last()
    skus = newest.select(
        "sku_code",
        base_unit=pl.col("base_unit").fill_null("stick"),
        price_guide=pl.col("price_guide").cast(pl.Float64),
        sticks_per_pack=pl.col("sticks_per_pack").cast(pl.Int64).fill_null(20),
        packs_per_carton=pl.col("packs_per_carton").cast(pl.Int64).fill_null(10),
        occurred_at=pl.col("occurred_at"),
    )
    known = await unit.skus(skus["sku_code"])
    await unit.save_skus(skus)
    was = known.select("sku_code", was="price_guide")
    repriced = skus.join(was, on="sku_code").filter(~pl.col("price_guide").eq_missing(pl.col("was")))
    if repriced.height:
        await unit.mark_units_of_skus(_with_trace(repriced.select("sku_code"), newest, "sku_code"))


async def _take_prices(unit: History, records: pl.DataFrame) -> None:
    prices = prices_of(records)
    skus = await unit.skus(prices["sku_code"])
    await unit.save_prices(carton_prices(prices, skus))
    await unit.count_change()
    await unit.mark_units_of_skus(_with_trace(prices.select("sku_code").unique(), prices, "sku_code"))


async def _take_lines(unit: History, how: Taking, lines: pl.DataFrame) -> None:
    stored = await unit.stored_lines(lines)
    fresh = _not_older(lines, stored)
    moved = differences(fresh, stored.join(fresh, on="key", how="semi"))
    if fresh.is_empty():
        return
    await unit.save_lines(fresh)
    spans = covered(fresh)
    series = await unit.series(_places(spans, moved))
    weeks = week_cells(moved).join(series, on=_PLACE)
    months = month_cells(moved)
    await unit.add_weeks(weeks)
    await unit.add_groups(group_totals(weeks.select("series_id", "week", "quantity"), series))
    await _move_units(unit, how, fresh, months, spans)
    await _move_clocks(unit, how, fresh, series, spans)
    changed = weeks.select("series_id", *_PLACE).unique()
    await unit.mark_series(_with_trace(changed, fresh, *_PLACE).select("series_id", "trace_id"))
    if weeks.height or months.height:
        await unit.count_change()


def _not_older(lines: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Lines whose key is new, or whose content came later than the stored one."""
    kept = stored.select("key", kept_at="ingested_at")
    joined = lines.join(kept, on="key", how="left", maintain_order="left")
    return joined.filter(pl.col("kept_at").is_null() | (pl.col("ingested_at") >= pl.col("kept_at"))).drop("kept_at")


def _places(spans: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """Series of the new contents, and of old contents that a correction has moved elsewhere."""
    places = spans.select(*_PLACE, "market", "pool")
    elsewhere = moved.select(_PLACE).unique().join(places, on=_PLACE, how="anti")
    # Those exist already, and keep their market and pool.
    return pl.concat([places, elsewhere.with_columns(market=pl.lit(""), pool=pl.lit(""))])


async def _move_units(
    unit: History, how: Taking, fresh: pl.DataFrame, months: pl.DataFrame, spans: pl.DataFrame
) -> None:
    skus = await unit.skus(pl.concat([months["sku_code"], spans["sku_code"]]))
    cells = unit_cells(months, how.regions, skus)
    wide = spans.join(how.regions.reaching(spans["adcode"]), on="adcode").join(
        skus.select("sku_code", "base_unit"), on="sku_code", how="left"
    )
    covers = wide.group_by(region="ancestor", base_unit=pl.col("base_unit").fill_null("stick"), measure="measure").agg(
        pl.col("covered_from").min(), pl.col("covered_through").max()
    )
    await unit.add_unit_cells(cells, covers)
    reach = how.regions.reaching(fresh["adcode"]).select("adcode", region="ancestor")
    touched = months.select("adcode", "sku_code").unique().join(reach, on="adcode")
    traced = _with_trace(touched, fresh, "adcode", "sku_code").drop("adcode")
    both = pl.concat([traced, traced.with_columns(sku_code=pl.lit(""))])
    await unit.mark_units(both.unique(subset=["region", "sku_code"]).select("region", "sku_code", "trace_id"))


async def _move_clocks(
    unit: History, how: Taking, fresh: pl.DataFrame, series: pl.DataFrame, spans: pl.DataFrame
) -> None:
    """The records of a series move the clock of its market; a new week there concerns all series of the market."""
    own = spans.drop("market", "pool").join(series, on=_PLACE)
    markets = own.group_by("market", "pool").agg(
        pl.col("covered_from").min(), pl.col("covered_through").max(), pl.col("adcode").first()
    )
    clocks = await unit.advance_markets(markets)
    known = clocks.filter(pl.col("was").is_not_null() & (pl.col("covered_through") > pl.col("was")))
    if known.is_empty():
        return
    names = ["market", "pool"]
    now = complete_weeks(known, closes_on=how.week_closes_on)
    before = complete_weeks(known.select("market", "pool", covered_through="was"), closes_on=how.week_closes_on).rename(
        {"complete_week": "before"}
    )
    turned = now.join(before, on=names).filter(pl.col("complete_week") > pl.col("before"))
    traced = _with_trace(turned.join(markets, on=names).select(*names, "adcode"), fresh, "adcode")
    await unit.mark_markets(traced.select(*names, "trace_id"))


def _with_trace(frame: pl.DataFrame, source: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Adds the trace of the last record of `source` with the same values."""
    traces = source.group_by(*by, maintain_order=True).agg(pl.col("trace_id").cast(pl.String).last())
    return frame.join(traces, on=list(by), how="left").with_columns(pl.col("trace_id").fill_null(""))
