"""Pauses of whole APIs after a frequency limit, and members that WeCom does not know. Both are shared through Redis."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from services.recommend.wecom.errcodes import ApiStopped
from services.recommend.wecom.keys import Keys, redis_optional

FIRST_STOP_S = 60
LONGEST_STOP_S = 3600
GROWTH = 4


class Stops:
    """An API that hit the frequency limit rests 60 s; each further hit soon after, four times longer, up to an hour."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def check(self, api: str) -> None:
        """Raise ApiStopped while the API rests."""
        left_ms = await self._redis.pttl(self._keys.stopped(api))
        if left_ms > 0:
            raise _stopped(api, left_ms / 1000)

    async def stop(self, api: str) -> ApiStopped:
        """Let the API rest and return the error to raise."""
        strikes = await self._redis.incr(self._keys.strikes(api))
        rest_s = min(FIRST_STOP_S * GROWTH ** (min(strikes, 10) - 1), LONGEST_STOP_S)
        await self._redis.expire(self._keys.strikes(api), 2 * rest_s)
        await self._redis.set(self._keys.stopped(api), "1", ex=rest_s)
        return _stopped(api, rest_s)


def _stopped(api: str, retry_after_s: float) -> ApiStopped:
    message = f"WeCom's frequency limit stops {api}; keep the message and send it after the pause"
    return ApiStopped(message, retry_after_s=retry_after_s)


class UnknownMembers:
    """Members whom WeCom called unknown are left alone for `remember_s` seconds: failing calls can block the app."""

    def __init__(self, redis: Redis, keys: Keys, *, remember_s: int) -> None:
        self._redis = redis
        self._keys = keys
        self._remember_s = remember_s

    async def mark(self, users: Sequence[str]) -> None:
        with redis_optional():
            async with self._redis.pipeline(transaction=False) as pipe:
                for user in users:
                    pipe.set(self._keys.unknown_member(user), "1", ex=self._remember_s)
                await pipe.execute()

    async def among(self, users: Sequence[str]) -> tuple[str, ...]:
        marks = await self._redis.mget([self._keys.unknown_member(user) for user in users])
        return tuple(user for user, mark in zip(users, marks, strict=True) if mark)
