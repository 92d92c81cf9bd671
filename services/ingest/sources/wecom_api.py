"""Asking WeCom: its token, and what each errcode asks for.

0 ─▶ the answer            -1, 45033, no answer ─▶ again, three times    40014, 42001 ─▶ a new token, once
45009 ─▶ a pause of the API                       everything else ─▶ the connection fails and says what to mend
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from services.ingest.sources.connection import SourceAway

BUSY = -1
AGAIN = frozenset({BUSY, 45033})
TOKEN_REFUSED = frozenset({40014, 42001})
TOO_OFTEN = 45009
TRIES = 4
FIRST_PAUSE_S = 0.5
BLOCK_S = 60.0
"""How long a block of a minute lasts; whoever runs the connection makes its pauses longer where that is not enough."""
RENEW_BEFORE = timedelta(minutes=5)
TIMEOUT_S = 10.0
ADVICE = {
    40001: "the app secret is wrong: compare it with the one in the WeCom admin console",
    40013: "the corp id is wrong: compare it with the one in the WeCom admin console",
    40014: "WeCom refuses even a fresh token: check that app and secret belong together",
    42001: "WeCom calls even a fresh token expired: check that only one system renews the token",
    48002: "the app lacks the permission: list it under upstream/downstream as a callable app",
    60011: "the app may not see this: widen its range in the WeCom admin console",
    60020: "our egress address is not in the app's list of trusted addresses: add it and wait a minute",
    670001: "the app is not in the share range of the chain: share it with the chain in the WeCom admin console",
    40058: "WeCom does not know a parameter of ours",
}
Answer = dict[str, Any]


class _WithoutQuery(logging.Filter):
    """httpx logs whole addresses, and WeCom wants secret and token in the query (C-22)."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


_without_query = _WithoutQuery()


class WeComApi:
    """The calls of one app of one corp."""

    def __init__(
        self, client: httpx.AsyncClient, corp_id: str, secret: SecretStr, *, now: Callable[[], datetime], pause_s: float
    ) -> None:
        self._client = client
        self._corp_id = corp_id
        self._secret = secret
        self._now = now
        self._pause_s = pause_s
        self._token = ""
        self._renew_at: datetime | None = None

    async def call(self, api: str, body: Answer | None = None) -> Answer:
        """The answer of a call with errcode 0; raises SourceAway with what to do."""
        answer = await self._with_token(api, body)
        if answer["errcode"] in TOKEN_REFUSED:
            self._token = ""
            answer = await self._with_token(api, body)
        return self._settled(api, answer)

    async def _with_token(self, api: str, body: Answer | None) -> Answer:
        if not self._token or self._renew_at is None or self._now() >= self._renew_at:
            await self._renew()
        return await self._asked(api, {"access_token": self._token}, body)

    async def _renew(self) -> None:
        query = {"corpid": self._corp_id, "corpsecret": self._secret.get_secret_value()}
        answer = self._settled("gettoken", await self._asked("gettoken", query, None))
        token, life_s = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(life_s, int):
            raise SourceAway("WeCom answered without a token")
        life = timedelta(seconds=life_s)
        self._token, self._renew_at = token, self._now() + life - min(RENEW_BEFORE, life / 4)

    async def _asked(self, api: str, query: dict[str, str], body: Answer | None) -> Answer:
        answer: Answer = {"errcode": BUSY}
        for tried in range(TRIES):
            if tried:
                await asyncio.sleep(self._pause_s * 2 ** (tried - 1) * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
            answer = await self._once(api, query, body)
            if answer["errcode"] not in AGAIN:
                break
        return answer

    async def _once(self, api: str, query: dict[str, str], body: Answer | None) -> Answer:
        method = "GET" if body is None else "POST"
        try:
            response = await self._client.request(method, f"/cgi-bin/{api}", params=query, json=body)
            answer = response.json() if response.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            return {"errcode": BUSY}
        if not isinstance(answer, dict) or not isinstance(answer.get("errcode"), int):
            return {"errcode": BUSY}
        return answer

    def _settled(self, api: str, answer: Answer) -> Answer:
        errcode = answer["errcode"]
        if errcode == 0:
            return answer
        if errcode == TOO_OFTEN:
            raise SourceAway(f"WeCom asks for a pause of {api} (45009)", after_s=BLOCK_S)
        if errcode in AGAIN:
            raise SourceAway(f"WeCom does not answer {api}; it is tried again")
        raise SourceAway(f"WeCom refuses {api} ({errcode}): {ADVICE.get(errcode, 'look the errcode up')}")


@asynccontextmanager
async def wecom_api(options: dict[str, Any], now: Callable[[], datetime]) -> AsyncIterator[WeComApi]:
    """The calls of the app that the options name."""
    logging.getLogger("httpx").addFilter(_without_query)
    async with httpx.AsyncClient(base_url=options["address"], timeout=TIMEOUT_S, trust_env=False) as client:
        yield WeComApi(client, options["corp_id"], options["secret"], now=now, pause_s=FIRST_PAUSE_S)
