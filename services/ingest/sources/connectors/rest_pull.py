"""Pulls pages of a REST source (ERP, CRM, SCM, WMS, OMS, MES): the checkpoint moves only behind a durable page."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chassis.errors import Invalid
from services.ingest.sources.connection import Connection, Connector, Intake, Option, SourceAway
from services.ingest.sources.http_source import http_source
from services.ingest.sources.paging import Page, Spot, after, parameters, read_page
from services.ingest.usecases import Body

JSON = "application/json"
REMEMBERED = 256
"""Pages whose content is remembered while the connection runs."""


async def run(connection: Connection, intake: Intake) -> None:
    """Asks round by round, for ever."""
    options = connection.options
    known: deque[str] = deque(maxlen=REMEMBERED)
    async with http_source(options, intake.now) as source:
        spot = Spot.of(await intake.recall())
        while True:
            is_over = False
            while not is_over:
                link = spot.cursor if options["paging"] == "link" else ""
                page = read_page(await source.get(link, {} if link else parameters(spot, options)), options)
                brought = await _take(connection, intake, page, known)
                spot, is_over = after(spot, page, options)
                await intake.note(spot.checkpoint, brought)
            await asyncio.sleep(options["every_s"])


async def _take(connection: Connection, intake: Intake, page: Page, known: deque[str]) -> int:
    """Hands a page to the door; one that has not changed since the last rounds need not go there again."""
    # The key is made of the content: a page that comes again is known, one that has grown is new.
    digest = hashlib.sha256(page.records).hexdigest()
    if not page.count or digest in known:
        return 0
    body = Body(
        kind=connection.kind,
        source=connection.source,
        content_type=JSON,
        idempotency_key=digest,
        content=page.records,
    )
    try:
        await intake.take_in(body)
    except Invalid as error:
        raise SourceAway(f"a page cannot be read: {error.message}; the source or the page size must change") from None
    known.append(digest)
    return page.count


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_address = False
    return "" if is_address else "must be an address such as https://erp.example/api/orders"


def _check_pointer(pointer: str) -> str:
    return "" if pointer.startswith("/") else "must be a JSON pointer such as /data/items"


def _check_file(path: str) -> str:
    return "" if Path(path).is_file() else "must be the path of a file with certificates"


def _check_together(options: dict[str, Any]) -> tuple[str, str] | None:
    if bool(options["token_url"]) != bool(options["client_id"] and options["client_secret"]):
        return "token_url", "goes with client_id and client_secret"
    if options["paging"] != "page" and not options["next"]:
        return "next", f"is missing: where the answer holds the next {options['paging']}"
    if bool(options["since_param"]) != bool(options["watermark_field"]):
        return "since_param", "goes with watermark_field"
    return None


CONNECTOR = Connector(
    type="rest_pull",
    doc="Pages of a REST source.",
    options={
        "url": Option(type="text", required=True, check=_check_url, doc="Address of the first page."),
        "query": Option(type="table", doc="Further parameters of each request."),
        "headers": Option(type="table", doc="Further headers of each request."),
        "records": Option(type="text", default="", check=_check_pointer, doc="JSON pointer to the list of records."),
        "paging": Option(type="text", required=True, values=("cursor", "link", "page"), doc="How pages follow."),
        "next": Option(type="text", check=_check_pointer, doc="JSON pointer to the next cursor or address."),
        "cursor_param": Option(type="text", default="cursor", doc="Parameter that takes the cursor."),
        "page_param": Option(type="text", default="page", doc="Parameter that takes the number of the page."),
        "first_page": Option(type="whole", minimum=0, maximum=1, default=1, doc="Number of the first page."),
        "page_size": Option(type="whole", minimum=1, maximum=50_000, default=500, doc="Records of a full page."),
        "size_param": Option(type="text", doc="Parameter that takes the page size."),
        "since_param": Option(type="text", doc="Parameter that asks for what changed since a moment or number."),
        "watermark_field": Option(type="text", doc="Field of a record that holds that moment or number."),
        "overlap_s": Option(
            type="number", minimum=0, maximum=86_400, default=60.0, doc="Seconds that rounds overlap, for late commits."
        ),
        "token_url": Option(type="text", check=_check_url, doc="Where OAuth2 client credentials become a token."),
        "client_id": Option(type="text", doc="OAuth2 client."),
        "client_secret": Option(type="secret", doc="Variable with its secret."),
        "client_auth": Option(
            type="text", values=("basic", "body"), default="basic", doc="How the client proves itself."
        ),
        "scope": Option(type="text", doc="OAuth2 scope."),
        "api_key": Option(type="secret", doc="Variable with an API key."),
        "api_key_header": Option(type="text", default="X-API-Key", doc="Header that takes the key."),
        "every_s": Option(type="number", minimum=0.05, maximum=86_400, default=60.0, doc="Seconds between rounds."),
        "timeout_s": Option(type="number", minimum=0.1, maximum=300, default=30.0, doc="Seconds without a byte."),
        "max_bytes": Option(
            type="whole", minimum=1024, maximum=16 * 1024 * 1024, default=16 * 1024 * 1024, doc="Bytes of one answer."
        ),
        "ca_file": Option(type="text", check=_check_file, doc="Certificates of an own authority."),
    },
    run=run,
    fetches=True,
    check=_check_together,
)
