"""Forecasts as protobuf messages, for calls and events alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.forecast.v1 import events_pb2, types_pb2
from services.forecast.domain.annual.bands import Band
from services.forecast.domain.demand.forecasts import QUANTILES
from services.forecast.domain.demand.intervals import PROBABILITIES

EVENT_FORECASTS = 1000
Row = Mapping[str, Any]


def demand_events(made: pl.DataFrame, made_at: datetime) -> list[events_pb2.ForecastMade]:
    """Events of at most 1,000 forecasts each."""
    return [
        events_pb2.ForecastMade(
            demand=[
                demand_message(
                    {
                        **row,
                        "quantiles": [row[name] for name in QUANTILES],
                        "unit": row["base_unit"],
                        "made_at": made_at,
                    }
                )
                for row in part.iter_rows(named=True)
            ]
        )
        for part in made.iter_slices(EVENT_FORECASTS)
    ]


def annual_events(made: pl.DataFrame, made_at: datetime) -> list[events_pb2.ForecastMade]:
    """Events of at most 1,000 forecasts each."""
    return [
        events_pb2.ForecastMade(
            annual=[annual_message(row, row, made_at) for row in part.iter_rows(named=True)],
        )
        for part in made.iter_slices(EVENT_FORECASTS)
    ]


def demand_message(row: Row) -> types_pb2.DemandForecast:
    return types_pb2.DemandForecast(
        region=row["adcode"],
        sku=row["sku_code"],
        period=row["period"].isoformat(),
        horizon=row["horizon"],
        value=row["value"],
        unit=row["unit"],
        quantiles=[
            types_pb2.Quantile(probability=probability, value=value)
            for probability, value in zip(PROBABILITIES, row["quantiles"], strict=True)
        ],
        method=row["method"],
        model_version=row["model_version"],
        revision=row["revision"],
        trace_id=row["trace_id"],
        made_at=_timestamp(row["made_at"]),
        recent_mean=row["recent_mean"],
        trained_through=row.get("trained_through", ""),
    )


def annual_message(row: Row, facts: Row, made_at: datetime) -> types_pb2.AnnualForecast:
    interval = None
    if row["value"] is not None:
        interval = types_pb2.Interval(
            low=facts["low"],
            high=facts["high"],
            level=facts["interval_level"],
            measured_coverage=facts["coverage"],
        )
    return types_pb2.AnnualForecast(
        region=row["region"],
        sku=row["sku_code"],
        year=row["year"],
        method=row["method"],
        value=row["value"],
        unit=facts["unit"],
        band=facts["band"],
        last_year=facts["last_year"],
        year_before=facts["year_before"],
        inner=facts["inner"],
        price_coefficient=facts["coefficient"],
        price_source=facts["price_source"],
        weights=facts["weights"],
        correlation=facts["correlation"],
        reliable=facts["reliable"],
        reliable_reason=facts["reliable_reason"],
        flags=facts["flags"],
        interval=interval,
        model_version=facts["model_version"],
        revision=row["revision"],
        trace_id=row["trace_id"],
        made_at=_timestamp(made_at),
    )


def band_message(band: Band) -> types_pb2.Band:
    message = types_pb2.Band(
        band=band.name, label_zh=band.label_zh, label_en=band.label_en, color_key=band.color_key, to=band.high
    )
    if band.low is not None:
        setattr(message, "from", band.low)  # a keyword of Python
    return message


def region_messages(regions: pl.DataFrame, unit: str) -> list[types_pb2.RegionValue]:
    return [types_pb2.RegionValue(**row, unit=unit) for row in regions.iter_rows(named=True)]


def backtest_messages(rows: Sequence[Row]) -> list[types_pb2.Backtest]:
    names = ("level", "horizon", "method", "metric", "value", "observations", "period_from", "period_to")
    return [
        types_pb2.Backtest(
            target=row["target"], model_version=row["model_version"], **{name: row[name] for name in names}
        )
        for row in rows
    ]


def training_message(row: Row) -> types_pb2.Training:
    return types_pb2.Training(
        id=row["id"],
        status=row["status"],
        message=row["message"],
        progress=row["progress"],
        model_versions=row["model_versions"],
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
