"""Profiles, SKU twins and demand forecasts become this service's own copies."""

from __future__ import annotations

from chassis.bus import Bus, Message, subject_of
from chassis.telemetry import carry, trace_id
from marketwin.forecast.v1 import events_pb2 as forecast_events
from marketwin.profile.v1 import events_pb2 as profile_events
from marketwin.twin.v1 import events_pb2 as twin_events
from services.recommend.usecases.ports import Cause, Store
from services.recommend.usecases.taking import take_in_demand, take_in_products, take_in_profiles
from services.recommend.wire import demand_columns, product_columns, profile_columns

PROFILES = "recommend-profiles"
PRODUCTS = "recommend-products"
DEMAND = "recommend-demand"
KEPT_HORIZONS = 4


async def hear_profiles(bus: Bus, store: Store, *, live_profiles: int) -> None:
    """Takes in changed profiles, for ever. A message of few profiles is a live change."""

    async def handle(message: Message) -> None:
        profiles = profile_events.ProfileChanged.FromString(message.data).profiles
        shops, purchases = profile_columns(profiles)
        await take_in_profiles(
            store,
            consumer=PROFILES,
            message_id=message.message_id,
            shops=shops,
            purchases=purchases,
            cause=_cause(is_live=len(profiles) <= live_profiles),
        )

    await bus.consume(durable=PROFILES, subjects=[subject_of(profile_events.ProfileChanged)], handle=handle)


async def hear_products(bus: Bus, store: Store) -> None:
    """Takes in changed SKU twins, for ever."""

    async def handle(message: Message) -> None:
        twins = twin_events.TwinChanged.FromString(message.data).twins
        await take_in_products(
            store,
            consumer=PRODUCTS,
            message_id=message.message_id,
            products=product_columns(twins),
            cause=_cause(is_live=False),
        )

    await bus.consume(durable=PRODUCTS, subjects=[subject_of(twin_events.TwinChanged, "sku")], handle=handle)


async def hear_demand(bus: Bus, store: Store, *, growth: float) -> None:
    """Takes in demand forecasts of the next weeks, for ever; `growth` is what is worth a reason."""

    async def handle(message: Message) -> None:
        demand = forecast_events.ForecastMade.FromString(message.data).demand
        near = [each for each in demand if each.horizon <= KEPT_HORIZONS]
        if near:
            await take_in_demand(
                store,
                consumer=DEMAND,
                message_id=message.message_id,
                demand=demand_columns(near),
                cause=_cause(is_live=False),
                growth=growth,
            )

    await bus.consume(durable=DEMAND, subjects=[subject_of(forecast_events.ForecastMade)], handle=handle)


def _cause(*, is_live: bool) -> Cause:
    return Cause(trace_id(), carry().get("traceparent", ""), is_live)
