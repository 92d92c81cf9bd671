"""Recommendations as protobuf messages, and what others tell as columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.forecast.v1 import types_pb2 as forecast_types
from marketwin.profile.v1 import types_pb2 as profile_types
from marketwin.recommend.v1 import events_pb2, types_pb2
from marketwin.twin.v1 import types_pb2 as twin_types
from services.recommend.domain.cycles import cycle_of_text, text_of_cycle
from services.recommend.domain.limits import LIMITS
from services.recommend.usecases.ports import Row

EVENT_RECOMMENDATIONS = 1000
EVENT_BYTES = 1_000_000
NO_CYCLE = -1
SAME_NAME = (
    "id",
    "retailer_name",
    "mode",
    "rank",
    "score",
    "quantity_base",
    "state",
    "account_manager",
    "model_version",
    "revision",
    "trace_id",
)


def recommendation_message(row: Row) -> types_pb2.Recommendation:
    """One recommendation from a row of the store."""
    return types_pb2.Recommendation(
        retailer=row["retailer_code"],
        sku=row["sku_code"],
        sku_name_zh=row["name_zh"],
        sku_name_en=row["name_en"],
        unit=row["base_unit"],
        reasons=[types_pb2.Reason(**reason) for reason in row["reasons"]],
        limits=[limit_message(code) for code in row["limits"]],
        cycle=text_of_cycle(row["cycle"]),
        created_at=timestamp(row["created_at"]),
        changed_at=timestamp(row["changed_at"]),
        **{name: row[name] for name in SAME_NAME},
    )


def limit_message(code: str) -> types_pb2.Limit:
    limit = LIMITS[code]
    return types_pb2.Limit(code=code, text_zh=limit.text_zh, text_en=limit.text_en, blocks=limit.blocks)


def made_events(rows: Iterable[Row]) -> list[events_pb2.RecommendationMade]:
    """Events of up to 1,000 recommendations and about a megabyte each."""
    events = [events_pb2.RecommendationMade()]
    size = 0
    for row in rows:
        message = recommendation_message(row)
        length = message.ByteSize()
        held = events[-1].recommendations
        if held and (size + length > EVENT_BYTES or len(held) >= EVENT_RECOMMENDATIONS):
            events.append(events_pb2.RecommendationMade())
            size = 0
        events[-1].recommendations.append(message)
        size += length
    return events if events[0].recommendations else []


def events_of_frame(rows: pl.DataFrame) -> list[events_pb2.RecommendationMade]:
    """Events of a frame whose reasons and limits are JSON text."""
    parsed = ({**row, **{name: json.loads(row[name]) for name in ("reasons", "limits")}} for row in _named(rows))
    return made_events(parsed)


def _named(rows: pl.DataFrame) -> Iterable[dict[str, Any]]:
    return rows.iter_rows(named=True)


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def profile_columns(profiles: Sequence[profile_types.Profile]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Profiles as rows of the shop table and of the purchase table; the latter with the profile's `revision`."""
    shops, purchases = _shops(profiles), _purchases(profiles)
    bought = pl.struct(pl.all().exclude("retailer_code", "revision")).hash()
    signed = (
        purchases.select("retailer_code", "revision", row=bought)
        .group_by("retailer_code", "revision")
        .agg(signature=pl.col("row").sum())
    )
    joined = shops.join(signed, on=["retailer_code", "revision"], how="left", maintain_order="left")
    content = pl.struct(*[name for name in shops.columns if name not in ("revision", "cycle")], "signature").hash()
    return joined.with_columns(content=content.reinterpret(signed=True)).drop("signature"), purchases


def _shops(profiles: Sequence[profile_types.Profile]) -> pl.DataFrame:
    same = ("revision", "name", "market", "adcode", "account_manager", "license_status", "license_valid_to")
    return pl.DataFrame(
        {
            "retailer_code": [each.retailer for each in profiles],
            **{name: [getattr(each, name) for each in profiles] for name in (*same, "school_zone", "is_key")},
            "cycle": [cycle_of_text(each.cycle) if each.cycle else NO_CYCLE for each in profiles],
            "other_skus": [json.dumps(list(each.other_skus)) for each in profiles],
        },
        schema_overrides={"cycle": pl.Int32, "revision": pl.Int64},
    )


def _purchases(profiles: Sequence[profile_types.Profile]) -> pl.DataFrame:
    weeks: dict[str, int] = {}

    def week(text: str) -> int:
        if text not in weeks:
            weeks[text] = cycle_of_text(text)
        return weeks[text]

    bought = [each for profile in profiles for each in profile.purchases]
    owners = [profile for profile in profiles for _ in profile.purchases]
    frame = pl.DataFrame(
        {
            "retailer_code": [each.retailer for each in owners],
            "revision": [each.revision for each in owners],
            "sku_code": [each.sku for each in bought],
            "cycles": [each.cycles for each in bought],
            "first_cycle": [week(each.first_cycle) for each in bought],
            "last_cycle": [week(each.last_cycle) for each in bought],
            "quantity_mean": [each.mean_quantity_base for each in bought],
            "interval_mean": [each.mean_interval_weeks or None for each in bought],
            "amount": [each.amount for each in bought],
        },
        schema={
            "retailer_code": pl.String,
            "revision": pl.Int64,
            "sku_code": pl.String,
            "cycles": pl.Int32,
            "first_cycle": pl.Int32,
            "last_cycle": pl.Int32,
            "quantity_mean": pl.Float64,
            "interval_mean": pl.Float64,
            "amount": pl.Float64,
        },
    )
    return frame.unique(["retailer_code", "revision", "sku_code"], keep="last", maintain_order=True)


def product_columns(twins: Sequence[twin_types.Twin]) -> pl.DataFrame:
    """SKU twins as rows of the product table; a deleted twin has left the market."""
    rows = [_product(twin, json.loads(twin.properties_json or "{}")) for twin in twins if twin.model == "sku"]
    return pl.DataFrame(rows, schema=_PRODUCT, orient="row")


_PRODUCT = {
    "sku_code": pl.String,
    "revision": pl.Int64,
    "name_zh": pl.String,
    "name_en": pl.String,
    "price_class": pl.Int32,
    "base_unit": pl.String,
    "licence_required": pl.Boolean,
    "status": pl.String,
    "supply_state": pl.String,
}


def _product(twin: twin_types.Twin, properties: dict[str, Any]) -> dict[str, Any]:
    licence = properties.get("licence_required")
    return {
        "sku_code": twin.id.split(":", 1)[1],
        "revision": twin.revision,
        "name_zh": properties.get("name_zh") or "",
        "name_en": properties.get("name_en") or "",
        "price_class": properties.get("price_class"),
        "base_unit": properties.get("base_unit") or "",
        "licence_required": True if licence is None else licence,
        "status": "exit" if twin.deleted else properties.get("status") or "",
        "supply_state": properties.get("supply_state") or "",
    }


def demand_columns(forecasts: Sequence[forecast_types.DemandForecast]) -> pl.DataFrame:
    """Demand forecasts as rows of the demand table."""
    return pl.DataFrame(
        {
            "region": [each.region for each in forecasts],
            "sku_code": [each.sku for each in forecasts],
            "horizon": [each.horizon for each in forecasts],
            "revision": [each.revision for each in forecasts],
            "value": [each.value for each in forecasts],
            "recent_mean": [each.recent_mean for each in forecasts],
        },
        schema={
            "region": pl.String,
            "sku_code": pl.String,
            "horizon": pl.Int32,
            "revision": pl.Int64,
            "value": pl.Float64,
            "recent_mean": pl.Float64,
        },
    )
