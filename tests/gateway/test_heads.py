"""Heads of requests that never end, or are endless: their senders are sent away, and hold no memory meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.heads import MAX_HEAD_BYTES
from tests.gateway.house import Door, House, door

WITHIN_S = 0.5
ALLOWED_S = 10.0


@pytest_asyncio.fixture(loop_scope="session")
async def hasty(whole: House) -> AsyncIterator[Door]:
    """A gateway that waits half a second for a head."""
    async with door(whole.common, **whole.addresses, head_within_s=WITHIN_S) as opened:
        yield opened


class Sender:
    """One who writes what it likes, and hears the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, opened: Door) -> Sender:
        host, port = opened.url.removeprefix("http://").split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def rest(self) -> bytes:
        """All that comes until the other side closes."""
        async with asyncio.timeout(ALLOWED_S):
            found = await self.reader.read()
        self.writer.close()
        return found


def problem(answer: bytes) -> tuple[int, str]:
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["type"]


async def test_who_does_not_end_its_head_in_time_hears_408_and_others_are_served(hasty: Door):
    slow = [await Sender.to(hasty) for _ in range(20)]
    for each in slow:
        each.writer.write(b"GET /api/v1/kinds HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    client = await hasty.client("admin", user="quick")

    served = await client.get("/api/v1/kinds")
    answers = await asyncio.gather(*(each.rest() for each in slow))

    assert served.status_code == 200
    assert {problem(answer) for answer in answers} == {(408, "urn:marketwin:problem:request_timeout")}


async def test_who_sends_nothing_at_all_is_left_without_a_word(hasty: Door):
    assert await (await Sender.to(hasty)).rest() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/kinds HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /api/v1/kinds?a=" + b"b" * 80_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_a_problem_as_well(hasty: Door, sent: bytes):
    sender = await Sender.to(hasty)
    sender.writer.write(sent)

    status, kind = problem(await sender.rest())

    assert (status, kind.removeprefix("urn:marketwin:problem:")) in {(400, "no_http"), (431, "head_too_large")}


async def test_a_head_without_end_is_refused_after_its_bound(hasty: Door):
    sender = await Sender.to(hasty)
    sender.writer.write(b"GET /api/v1/kinds HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * (MAX_HEAD_BYTES + 1))

    assert problem(await sender.rest()) == (431, "urn:marketwin:problem:head_too_large")


async def test_many_headers_are_as_long_as_one(hasty: Door):
    sender = await Sender.to(hasty)
    sender.writer.write(b"GET /api/v1/kinds HTTP/1.1\r\nHost: a\r\n")
    for number in range(20_000):
        sender.writer.write(b"X-%d: a\r\n" % number)

    assert problem(await sender.rest())[0] == 431


async def test_a_connection_that_is_kept_has_the_time_for_each_head_anew(hasty: Door):
    sender = await Sender.to(hasty)
    token = hasty.token("admin")
    head = f"GET /api/v1/kinds HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    statuses = []
    for part in (head[:20], head[20:], head[:30], head[30:]):
        sender.writer.write(part)
        if part.endswith(b"\r\n\r\n"):
            answer = await sender.reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await sender.reader.readexactly(length)
            statuses.append(int(answer.split()[1]))
            # Longer than a head may take: between requests nobody waits for one.
            await asyncio.sleep(2 * WITHIN_S)
    sender.writer.close()

    assert statuses == [200, 200]
