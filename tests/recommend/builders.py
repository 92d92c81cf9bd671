"""Profiles, SKU twins and forecasts as the other services would tell of them."""

from __future__ import annotations

import json
import uuid

from google.protobuf.message import Message as ProtoMessage

from chassis.bus import Bus, subject_of
from chassis.telemetry import carry
from marketwin.forecast.v1 import events_pb2 as forecast_events
from marketwin.forecast.v1 import types_pb2 as forecast_types
from marketwin.profile.v1 import events_pb2 as profile_events
from marketwin.profile.v1 import types_pb2 as profile_types
from marketwin.twin.v1 import events_pb2 as twin_events
from marketwin.twin.v1 import types_pb2 as twin_types

CYCLE = "2024-W20"
MARKET = "C340100"


def purchase(sku: str, *, cycles: int = 4, last: str = "2024-W19", interval: float = 2.0) -> profile_types.Purchase:
    return profile_types.Purchase(
        sku=sku,
        cycles=cycles,
        first_cycle="2024-W05",
        last_cycle=last,
        mean_quantity_base=400,
        mean_interval_weeks=interval if cycles > 1 else 0,
        amount=100.0 * cycles,
    )


def profile(code: str, *bought: profile_types.Purchase, revision: int = 1, **more: object) -> profile_types.Profile:
    fields: dict[str, object] = {
        "retailer": code,
        "name": f"Shop {code}",
        "revision": revision,
        "cycle": CYCLE,
        "market": MARKET,
        "adcode": "340100",
        "account_manager": "wang",
        "license_status": "valid",
        "license_valid_to": "2099-12-31",
        "currency": "CNY",
    }
    return profile_types.Profile(**{**fields, **more}, purchases=bought)


def sku_twin(code: str, *, revision: int = 1, **properties: object) -> twin_types.Twin:
    named = {"name_zh": f"品{code}", "name_en": f"Product {code}", "base_unit": "stick", "licence_required": True}
    return twin_types.Twin(
        id=f"sku:{code}", model="sku", revision=revision, properties_json=json.dumps({**named, **properties})
    )


async def tell_profiles(log: Bus, *profiles: profile_types.Profile, message_id: str = "") -> None:
    await _tell(log, profile_events.ProfileChanged(profiles=profiles), message_id=message_id)


async def tell_twins(log: Bus, *twins: twin_types.Twin) -> None:
    await _tell(log, twin_events.TwinChanged(twins=twins), key="sku")


async def tell_demand(log: Bus, sku: str, *, growth: float, region: str = "340100", revision: int = 1) -> None:
    """Forecasts of the next weeks, so far above recent demand."""
    weeks = [
        forecast_types.DemandForecast(
            region=region, sku=sku, horizon=week, value=100 * (1 + growth), recent_mean=100, revision=revision
        )
        for week in (1, 2, 3, 4)
    ]
    await _tell(log, forecast_events.ForecastMade(demand=weeks))


async def _tell(log: Bus, event: ProtoMessage, *, key: str = "", message_id: str = "") -> None:
    await log.publish(
        subject_of(event, key), event.SerializeToString(), message_id=message_id or uuid.uuid4().hex, headers=carry()
    )
