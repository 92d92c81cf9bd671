"""Asking a REST source: one host, bounded answers, a token that is renewed, patience with faults.

request ─▶ 200 ─▶ body, at most so many bytes
        ├▶ 401 ─▶ a new token, once
        ├▶ 429, 5xx, no answer, an answer cut off ─▶ again, after Retry-After or a growing pause
        └▶ 3xx, 4xx ─▶ SourceAway
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from services.ingest.sources.connection import SourceAway

MAX_WAIT_S = 3600.0
PATIENT_S = 20.0
"""A source that asks for a longer pause is left until then."""
TRIES = 4
SLOWEST = 10
"""A whole answer may take so many times the limit between two of its bytes."""
FIRST_PAUSE_S = 0.2
RENEW_BEFORE_S = 60.0
TOKEN_BYTES = 64 * 1024
_AGAIN = {429, 500, 502, 503, 504}


class _Again(Exception):
    """A fault that may pass."""

    def __init__(self, text: str, after_s: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.after_s = after_s


class HttpSource:
    """A REST source with its credentials."""

    def __init__(self, client: httpx.AsyncClient, options: dict[str, Any], now: Callable[[], datetime]) -> None:
        self._client = client
        self._options = options
        self._now = now
        self._token = ""
        self._renew_at = 0.0
        self._home = httpx.URL(options["url"])

    async def get(self, url: str, parameters: Mapping[str, str]) -> bytes:
        """The body of a page; raises SourceAway with what to do."""
        address = self._home.join(url) if url else self._home
        if (address.scheme, address.host, address.port) != (self._home.scheme, self._home.host, self._home.port):
            raise SourceAway("the source names a page on another host; only the configured one is asked")
        if parameters:
            address = address.copy_merge_params(parameters)
        renewed = False
        for tried in range(1, TRIES + 1):
            try:
                status, body = await self._ask("GET", address, await self._headers(), self._options["max_bytes"])
            except _Again as fault:
                await _pause(fault, tried)
                continue
            if status == httpx.codes.UNAUTHORIZED and self._options["token_url"] and not renewed:
                self._token, renewed = "", True
                continue
            if status != httpx.codes.OK:
                raise SourceAway(_refusal(status))
            return body
        raise SourceAway("the source does not answer; it is tried again")

    async def _headers(self) -> dict[str, str]:
        headers = {"accept": "application/json", **(self._options["headers"] or {})}
        if self._options["api_key"]:
            headers[self._options["api_key_header"]] = self._options["api_key"].get_secret_value()
        if self._options["token_url"]:
            headers["authorization"] = f"Bearer {await self._current_token()}"
        return headers

    async def _current_token(self) -> str:
        now = asyncio.get_running_loop().time()
        if not self._token or now >= self._renew_at:
            self._token, lives_s = await self._new_token()
            self._renew_at = now + max(lives_s - RENEW_BEFORE_S, lives_s / 2)
        return self._token

    async def _new_token(self) -> tuple[str, float]:
        options = self._options
        form = {"grant_type": "client_credentials", **({"scope": options["scope"]} if options["scope"] else {})}
        secret = options["client_secret"].get_secret_value()
        basic = httpx.BasicAuth(options["client_id"], secret) if options["client_auth"] == "basic" else None
        if basic is None:
            form |= {"client_id": options["client_id"], "client_secret": secret}
        address = httpx.URL(options["token_url"])
        status, body = await self._ask("POST", address, {}, TOKEN_BYTES, data=form, auth=basic)
        if status != httpx.codes.OK:
            raise SourceAway(f"no token is given (HTTP {status}); check token_url, client_id and client_secret")
        try:
            answer = httpx.Response(200, content=body).json()
            return str(answer["access_token"]), float(answer.get("expires_in", 300))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SourceAway("the answer of token_url holds no access_token") from None

    async def _ask(
        self, method: str, address: httpx.URL, headers: dict[str, str], limit: int, **more: Any
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(SLOWEST * self._options["timeout_s"]),
                self._client.stream(method, address, headers=headers, **more) as response,
            ):
                if response.status_code in _AGAIN:
                    raise _Again(f"the source answers with HTTP {response.status_code}", self._retry_after(response))
                parts, size = [], 0
                async for part in response.aiter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        raise SourceAway(f"an answer has more than {limit} bytes; ask for smaller pages")
                return response.status_code, b"".join(parts)
        except (httpx.HTTPError, TimeoutError) as error:
            # The text of the error may quote the address with its query.
            raise _Again(f"the source cannot be reached or broke off ({type(error).__name__})") from None

    def _retry_after(self, response: httpx.Response) -> float | None:
        text = response.headers.get("retry-after", "")
        if text.isdecimal():
            return min(float(text), MAX_WAIT_S)
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        return min(max((moment - self._now()).total_seconds(), 0.0), MAX_WAIT_S) if moment.tzinfo else None


async def _pause(fault: _Again, tried: int) -> None:
    pause_s = fault.after_s if fault.after_s is not None else FIRST_PAUSE_S * 2.0 ** (tried - 1)
    if tried == TRIES or pause_s > PATIENT_S:
        raise SourceAway(f"{fault.text}; it is tried again", after_s=fault.after_s)
    await asyncio.sleep(pause_s)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"the source answers with a redirect (HTTP {status}), which is not followed; configure its new address"
    if status in (401, 403):
        return f"the source refuses the credentials (HTTP {status}); check them and what they may read"
    return f"the source does not understand the request (HTTP {status}); check url, query and paging"


@asynccontextmanager
async def http_source(options: dict[str, Any], now: Callable[[], datetime]) -> AsyncIterator[HttpSource]:
    """A source behind one client; leaving closes its connections."""
    timeout = httpx.Timeout(options["timeout_s"])
    verify = ssl.create_default_context(cafile=options["ca_file"])
    async with httpx.AsyncClient(
        timeout=timeout, follow_redirects=False, trust_env=False, verify=verify, limits=httpx.Limits(max_connections=2)
    ) as client:
        yield HttpSource(client, options, now)
