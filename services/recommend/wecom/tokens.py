"""The app's access token, one for all replicas, kept in Redis.

Two keys: `token` lives as long as WeCom said, `fresh` 300 s less. While `fresh` exists everybody uses the token; then
the first to take the lock renews it while the others go on with the old one. If Redis forgets, it is fetched again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from chassis.errors import Unavailable
from services.recommend.wecom.keys import Keys

RENEW_BEFORE_S = 300
LOCK_S = 15
POLL_S = 0.05

_DELETE_IF_EQUAL = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', unpack(KEYS))
  return 1
end
return 0
"""


class TokenCache:
    """Hands out the token; `fetch` asks WeCom for one and returns it with its life in seconds."""

    def __init__(self, redis: Redis, keys: Keys, fetch: Callable[[], Awaitable[tuple[str, int]]]) -> None:
        self._redis = redis
        self._keys = keys
        self._fetch = fetch
        self._delete_if_equal = redis.register_script(_DELETE_IF_EQUAL)

    async def get(self) -> str:
        """A token that is valid now, fetched at most once however many ask. Raises Unavailable when nobody gets one."""
        try:
            async with asyncio.timeout(2 * LOCK_S):
                while True:
                    token = await self._cached() or await self._renewed_by_us()
                    if token:
                        return token
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise Unavailable("no WeCom token could be had in time; try again later") from None

    async def replace(self, refused: str) -> str:
        """A token other than `refused`, which WeCom did not accept; keeps one that somebody else has renewed since."""
        await self._delete_if_equal(keys=[self._keys.token, self._keys.fresh], args=[refused])
        return await self.get()

    async def _cached(self) -> str | None:
        token, fresh = await self._redis.mget(self._keys.token, self._keys.fresh)
        return _text(token) if token and fresh else None

    async def _renewed_by_us(self) -> str | None:
        """A new token if we hold the lock; otherwise the old one while it lasts; None when there is neither."""
        owner = secrets.token_hex(8)
        if not await self._redis.set(self._keys.token_lock, owner, nx=True, ex=LOCK_S):
            token = await self._redis.get(self._keys.token)
            return _text(token) if token else None
        try:
            return await self._cached() or await self._fetch_and_keep()
        finally:
            await self._delete_if_equal(keys=[self._keys.token_lock], args=[owner])

    async def _fetch_and_keep(self) -> str:
        token, life_s = await self._fetch()
        fresh_s = max(life_s - min(RENEW_BEFORE_S, life_s // 4), 1)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.token, token, ex=max(life_s, 1))
            pipe.set(self._keys.fresh, "1", ex=fresh_s)
            await pipe.execute()
        return token


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
