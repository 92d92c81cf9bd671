"""Connections of the driver itself, for statements that are so many and so small that the layers above cost more.

asyncpg has a pool of its own. It makes three tasks and a stand-in of each use: more than such a statement costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# A server that ends the connection between a question and its sending makes the client contradict itself.
FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a statement of the driver raises: the server is away, or refuses it."""


class Connections:
    """So many connections at most, opened when somebody asks; one that nobody used for a while is ended.

    The last one given back is the first one taken, so that those a busy hour needed grow idle.
    """

    def __init__(self, open_one: Callable[[], Awaitable[Driver]], *, size: int, idle_s: float, within_s: float) -> None:
        self._open_one = open_one
        self._idle_s = idle_s
        self._within_s = within_s
        self._room = asyncio.Semaphore(size)
        self._idle: dict[Driver, asyncio.TimerHandle] = {}
        self._is_shut = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Driver]:
        """A connection for as long as the block runs; TimeoutError where none becomes free in time."""
        if self._room.locked():
            async with asyncio.timeout(self._within_s):
                await self._room.acquire()
        else:
            await self._room.acquire()
        try:
            connection = self._taken() or await self._open_one()
            is_over = False
            try:
                yield connection
                is_over = True
            except Exception:
                # Cancelled is another matter: then the server may still be at work on a statement.
                is_over = not connection.is_in_transaction()
                raise
            finally:
                self._give_back(connection, is_over)
        finally:
            self._room.release()

    def _taken(self) -> Driver | None:
        while self._idle:
            connection, ends = self._idle.popitem()
            ends.cancel()
            if not connection.is_closed():
                return connection
        return None

    def _give_back(self, connection: Driver, is_over: bool) -> None:
        if is_over and not connection.is_closed() and not self._is_shut:
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.call_later(self._idle_s, self._end, connection)
        else:
            connection.terminate()

    def _end(self, connection: Driver) -> None:
        del self._idle[connection]
        connection.terminate()

    def terminate(self) -> None:
        """Ends all connections, those in use when they are given back."""
        self._is_shut = True
        while self._idle:
            connection, ends = self._idle.popitem()
            ends.cancel()
            connection.terminate()
