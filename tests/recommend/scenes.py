"""What tests of the running service do and look at."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from chassis.bus import Bus, Message
from chassis.testing import eventually
from marketwin.profile.v1 import types_pb2 as profile_types
from marketwin.recommend.v1 import events_pb2, types_pb2
from marketwin.recommend.v1 import service_pb2 as pb
from tests.recommend.builders import profile, purchase, tell_profiles

Stub = Any


def new_codes() -> tuple[str, str]:
    """Codes of a new retailer and its account manager."""
    code = uuid.uuid4().hex[:10]
    return f"R{code}", f"m{code}"


async def listed(stub: Stub, retailer: str, **wanted: object) -> list[types_pb2.Recommendation]:
    found = await stub.ListRecommendations(pb.ListRecommendationsRequest(retailer=retailer, page_size=100, **wanted))
    return list(found.recommendations)


async def recommended(
    stub: Stub, log: Bus, retailer: str, manager: str, **more: object
) -> list[types_pb2.Recommendation]:
    """Tells of a shop that buys S0 and S1, and waits for its lists."""
    await tell_profiles(log, shop_of(retailer, manager, **more))

    async def fact() -> list[types_pb2.Recommendation]:
        return await listed(stub, retailer)

    return await eventually(fact)


def shop_of(retailer: str, manager: str, **more: object) -> profile_types.Profile:
    return profile(retailer, purchase("S0"), purchase("S1"), account_manager=manager, **more)


async def messages_of(phone: httpx.AsyncClient, manager: str) -> list[dict[str, Any]]:
    answer = await phone.get("/stand-in/messages", params={"user": manager})
    return list(answer.json()["items"])


async def card_of(phone: httpx.AsyncClient, manager: str, count: int = 1) -> dict[str, Any]:
    async def fact() -> list[dict[str, Any]]:
        messages = await messages_of(phone, manager)
        return messages if len(messages) >= count else []

    return (await eventually(fact))[0]


async def state_of(stub: Stub, recommendation_id: str) -> str:
    found = await stub.GetRecommendation(pb.GetRecommendationRequest(id=recommendation_id))
    return str(found.recommendation.state)


async def reaches(stub: Stub, recommendation_id: str, state: str) -> None:
    async def fact() -> bool:
        return await state_of(stub, recommendation_id) == state

    await eventually(fact)


@asynccontextmanager
async def made_heard(log: Bus) -> AsyncIterator[list[types_pb2.Recommendation]]:
    made: list[types_pb2.Recommendation] = []

    async def handle(message: Message) -> None:
        made.extend(events_pb2.RecommendationMade.FromString(message.data).recommendations)

    subjects = ["marketwin.recommend.v1.RecommendationMade"]
    listening = asyncio.create_task(log.consume(durable=f"test-{uuid.uuid4().hex}", subjects=subjects, handle=handle))
    try:
        yield made
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
