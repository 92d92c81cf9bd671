"""Forgetting in Valkey: whatever holds a token is dropped; all of it can be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from services.ingest.domain.privacy.erasing import Subject

SCANNED_KEYS = 500


class ErasableCache:
    """Keys and values of every type."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def erase(self, who: Subject) -> dict[str, int]:
        removed = 0
        async for key in self._carrying(who):
            removed += int(await self._redis.delete(key))
        return {"cache": removed}

    async def search(self, who: Subject) -> dict[str, int]:
        return {"cache": len([key async for key in self._carrying(who)])}

    async def _carrying(self, who: Subject) -> AsyncIterator[bytes]:
        # A reference alone, say "12", stands in many values by chance; the caches hold no records.
        wanted = [token.encode() for token in who.tokens]
        if not wanted:
            return
        async for key in self._redis.scan_iter(count=SCANNED_KEYS):
            content = b"\n".join([_bytes(key), *await self._values(key)])
            if any(token in content for token in wanted):
                yield key

    async def _values(self, key: bytes) -> list[bytes]:
        reads: dict[str, Any] = {
            "string": lambda: self._redis.get(key),
            "hash": lambda: self._redis.hgetall(key),
            "list": lambda: self._redis.lrange(key, 0, -1),
            "set": lambda: self._redis.smembers(key),
            "zset": lambda: self._redis.zrange(key, 0, -1),
            "stream": lambda: self._redis.xrange(key),
        }
        kind = _bytes(await self._redis.type(key)).decode()
        return _flat(await reads[kind]()) if kind in reads else []


def _flat(value: Any) -> list[bytes]:
    if isinstance(value, dict):
        return [part for pair in value.items() for each in pair for part in _flat(each)]
    if isinstance(value, list | tuple | set):
        return [part for each in value for part in _flat(each)]
    return [] if value is None else [_bytes(value)]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
