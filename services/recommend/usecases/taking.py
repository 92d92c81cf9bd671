"""Taking in what profile, twin and forecast tell."""

from __future__ import annotations

import polars as pl

from services.recommend.usecases.ports import Cause, Store


async def take_in_profiles(
    store: Store, *, consumer: str, message_id: str, shops: pl.DataFrame, purchases: pl.DataFrame, cause: Cause
) -> None:
    """Keeps the newest profile and purchases of every retailer, once per message, and marks them to be ranked."""
    async with store.intake() as unit:
        if await unit.is_new(consumer, message_id):
            await unit.take_shops(shops, purchases, cause)


async def take_in_products(
    store: Store, *, consumer: str, message_id: str, products: pl.DataFrame, cause: Cause
) -> None:
    """Keeps the newest facts of every product; shops that a changed limit concerns are ranked anew."""
    async with store.intake() as unit:
        if await unit.is_new(consumer, message_id):
            await unit.take_products(products, cause)


async def take_in_demand(
    store: Store, *, consumer: str, message_id: str, demand: pl.DataFrame, cause: Cause, growth: float
) -> None:
    """Keeps the newest demand forecasts; shops where one becomes a reason, or is one no more, are ranked anew."""
    async with store.intake() as unit:
        if await unit.is_new(consumer, message_id):
            await unit.take_demand(demand, cause, growth=growth)
