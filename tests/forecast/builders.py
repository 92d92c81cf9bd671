"""Frames for tests of the forecast service."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from services.forecast.domain.annual.panel import AnnualPanel, build_annual_panel
from services.forecast.domain.demand.panel import Panel, build_panel, group_totals
from services.forecast.domain.regions import Regions

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONDAY = date(2023, 1, 2)
REAL = Path(__file__).parents[2] / "demo" / "real" / "data"


def regions() -> Regions:
    """China with one province and two cities; the US with California."""
    rows = [
        ("CN", None, "country"),
        ("340000", "CN", "province"),
        ("340100", "340000", "prefecture"),
        ("340200", "340000", "prefecture"),
        ("US", None, "country"),
        ("US-CA", "US", "province"),
        ("US-NV", "US", "province"),
    ]
    return Regions.of(pl.DataFrame(rows, schema=["adcode", "parent", "level"], orient="row"))


def weekly_panel(demand: np.ndarray, *, skus: int = 1, first: date = MONDAY, history_weeks: int = 208) -> Panel:
    """A panel of (series, weeks): series i is product i modulo `skus` in region i // `skus`."""
    count, weeks = demand.shape
    series = pl.DataFrame(
        {
            "series_id": np.arange(count),
            "sku_code": [f"sku-{i % skus}" for i in range(count)],
            "adcode": [f"region-{i // skus}" for i in range(count)],
        }
    ).with_columns(
        market=pl.lit("market"),
        pool=pl.lit("CNY/sales"),
        market_series=pl.lit(count),
        has_spring_festival=pl.lit(False),
    )
    row, column = np.nonzero(demand > 0)
    cells = pl.DataFrame(
        {
            "series_id": row,
            "week": [first + timedelta(weeks=int(each)) for each in column],
            "quantity": demand[row, column].astype(np.float64),
            "amount": demand[row, column] * 2.0,
        }
    )
    clocks = pl.DataFrame(
        {"market": ["market"], "pool": ["CNY/sales"], "complete_week": [first + timedelta(weeks=weeks - 1)]}
    )
    return build_panel(cells, series, clocks, group_totals(cells, series), history_weeks=history_weeks)


def intermittent(series: int, weeks: int, seed: int = 1) -> np.ndarray:
    """Demand with many zeros, a season and levels from tiny to large."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(2.0, 1.2, series))[:, None]
    season = 1 + 0.4 * np.sin(2 * np.pi * np.arange(weeks) / 52)[None, :]
    buys = rng.random((series, weeks)) < np.clip(level / 8, 0.1, 0.995)
    return np.round(buys * rng.gamma(2.0, level * season / 2.0))


def annual_panel(
    years: np.ndarray,
    *,
    first_year: int = 2010,
    months: np.ndarray | None = None,
    through: date | None = None,
    coefficients: dict[tuple[int, int], float] | None = None,
) -> AnnualPanel:
    """A panel of (units, years) in base units; with `months` (units, years, 12) it is told by month."""
    count, width = years.shape
    end = through or date(first_year + width - 1, 12, 31)
    units = _units(count, date(first_year, 1, 1), end)
    if months is None:
        row, column = np.nonzero(np.isfinite(years))
        starts = [date(first_year + int(each), 1, 1) for each in column]
        cells = _cells(row, "year", starts, years[row, column])
    else:
        row, column, month = np.nonzero(np.isfinite(months))
        starts = [date(first_year + int(y), int(m) + 1, 1) for y, m in zip(column, month, strict=True)]
        cells = _cells(row, "month", starts, months[row, column, month])
    given = [(unit, year, value) for (unit, year), value in (coefficients or {}).items()]
    rates = pl.DataFrame(given, schema={"unit_id": pl.Int64, "year": pl.Int32, "coefficient": pl.Float64}, orient="row")
    return build_annual_panel(units, cells, rates)


def told_by_year_and_month(*, year: float, month: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A unit whose 2020 is reported as a year and as twelve months."""
    starts = [date(2020, number, 1) for number in range(1, 13)]
    months = _cells(np.zeros(12, dtype=np.int64), "month", starts, np.full(12, month))
    whole = _cells(np.zeros(1, dtype=np.int64), "year", starts[:1], np.array([year]))
    return _units(1, date(2020, 1, 1), date(2020, 12, 31)), pl.concat([months, whole])


def _units(count: int, covered_from: date, covered_through: date) -> pl.DataFrame:
    named = pl.DataFrame({"unit_id": np.arange(count), "region": [f"region-{i}" for i in range(count)]})
    return named.with_columns(
        sku_code=pl.lit(""),
        base_unit=pl.lit("stick"),
        top_id=pl.lit(0, dtype=pl.Int64),
        pools_spring=pl.lit(False),
        covered_from=pl.lit(covered_from),
        covered_through=pl.lit(covered_through),
    )


def _cells(row: np.ndarray, grain: str, starts: list[date], quantity: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"unit_id": row, "starts_on": starts, "quantity": quantity.astype(np.float64)}).with_columns(
        grain=pl.lit(grain), reported=pl.lit(grain)
    )


def envelope(rows: list[dict[str, Any]], *, at: datetime = NOW, trace: str = "ab" * 16) -> pl.DataFrame:
    """Records with what ingest adds to them."""
    given = {"source": "test", "op": "upsert", "trace_id": trace, "ingested_at": at, "occurred_at": at}
    return pl.DataFrame([{**given, **row} for row in rows], infer_schema_length=None)


def order(no: str, quantity: int, day: date, **more: Any) -> dict[str, Any]:
    """A line of a commercial order in Hefei."""
    row = {
        "order_no": no,
        "line_no": 1,
        "retailer_code": "R1",
        "sku_code": "sku-1",
        "adcode": "340100",
        "city_org": "C340100",
        "biz_date": day,
        "qty_order_base": quantity,
        "qty_demand_base": quantity,
        "amount": quantity * 1.0,
        "currency": "CNY",
        "state": "confirmed",
    }
    return row | more


def sale(quantity: int, day: date, period: str, **more: Any) -> dict[str, Any]:
    """A sale of a commercial company in Hefei."""
    row = {
        "org_code": "C340100",
        "sku_code": "sku-1",
        "adcode": "340100",
        "period": period,
        "biz_date": day,
        "qty_base": quantity,
        "amount": quantity * 1.0,
        "currency": "CNY",
    }
    return row | more
