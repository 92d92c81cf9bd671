"""Forecasts as the JSON that clients see."""

from __future__ import annotations

from gateway.views.base import Json, fields, time_text
from marketwin.forecast.v1 import types_pb2 as forecast_pb


def interval_view(interval: forecast_pb.Interval) -> Json:
    return fields(interval, "low", "high", "level", "measured_coverage")


def annual_view(forecast: forecast_pb.AnnualForecast) -> Json:
    return {
        **fields(forecast, "region", "sku", "year", "method", "value", "unit", "band", "correlation", "reliable"),
        "inputs": {
            **fields(forecast, "last_year", "year_before", "inner", "price_coefficient", "price_source"),
            "weights": list(forecast.weights),
        },
        **fields(forecast, "reliable_reason", "model_version", "revision", "trace_id"),
        "flags": list(forecast.flags),
        "interval": interval_view(forecast.interval) if forecast.HasField("interval") else None,
        "made_at": time_text(forecast.made_at),
    }


def demand_view(forecast: forecast_pb.DemandForecast) -> Json:
    return {
        **fields(
            forecast, "region", "sku", "period", "horizon", "value", "unit", "method", "model_version", "revision"
        ),
        "quantiles": {f"{each.probability:g}": each.value for each in forecast.quantiles},
        "recent_mean": forecast.recent_mean,
        "trace_id": forecast.trace_id,
        "made_at": time_text(forecast.made_at),
        "trained_through": forecast.trained_through or None,
    }


def band_view(band: forecast_pb.Band) -> Json:
    return fields(band, "band", "from", "to", "label_zh", "label_en", "color_key")


def backtest_view(backtest: forecast_pb.Backtest) -> Json:
    named = ("target", "model_version", "level", "horizon", "method", "metric", "value", "observations")
    return fields(backtest, *named, "period_from", "period_to")


def training_view(training: forecast_pb.Training) -> Json:
    return {
        **fields(training, "id", "status", "message", "progress"),
        "model_versions": list(training.model_versions),
    }
