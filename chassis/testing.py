"""What tests of every service need: facts to wait for, and a fresh database."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

T = TypeVar("T")


async def eventually(fact: Callable[[], Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.02) -> T:
    """Waits until `fact()` returns something true, and returns it; fails after the deadline with the last value."""
    deadline = time.monotonic() + within_s
    while True:
        value = await fact()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {fact!r} still gives {value!r}")
        await asyncio.sleep(every_s)


@asynccontextmanager
async def fresh_database(url: str, *, template: str = "template1") -> AsyncIterator[str]:
    """A new database on the server behind the URL, empty or a copy of its template; dropped on leaving."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()
