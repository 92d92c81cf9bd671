"""One call to WeCom: token, at most five at a time for each API, retries, and what every errcode asks for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import structlog
from redis.asyncio import Redis

from chassis.errors import Problem
from services.recommend.wecom.errcodes import (
    BUSY,
    Action,
    Alert,
    BotDisabled,
    ConfigWrong,
    MessageRefused,
    NobodyReached,
    RelationGone,
    WeComBusy,
    action_of,
    advice_for,
)
from services.recommend.wecom.keys import Keys, redis_needed
from services.recommend.wecom.sizes import Card, cut
from services.recommend.wecom.stops import Stops
from services.recommend.wecom.tokens import TokenCache

log = structlog.get_logger(__name__)
RETRIES = 3
AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class WeComSettings:
    """One app of one corp. `account_cap` is the corp's number of accounts; times are seconds."""

    corp_id: str
    secret: str = field(repr=False)
    agent_id: int
    account_cap: int
    base_url: str = "https://qyapi.weixin.qq.com"
    timeout_s: float = 5.0
    first_backoff_s: float = 0.5
    unknown_member_s: int = 3600


@dataclass(frozen=True, slots=True)
class _Answer:
    errcode: int
    body: Card
    maybe_done: bool = False


class _WithoutQuery(logging.Filter):
    """httpx logs whole addresses, and WeCom wants secret and token in the query (C-22)."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


_without_query = _WithoutQuery()


def log_alert(alert: Alert) -> None:
    """The default alarm: a log line that operators watch for."""
    log.error("wecom.alert", kind=alert.kind, errcode=alert.errcode, api=alert.api, advice=alert.advice)


class Transport:
    """Calls of one app. `alert` is told what a person must mend."""

    def __init__(
        self, settings: WeComSettings, redis: Redis, *, alert: Callable[[Alert], None], jitter: Callable[[], float]
    ) -> None:
        keys = Keys(settings.corp_id, settings.agent_id)
        logging.getLogger("httpx").addFilter(_without_query)
        self._settings = settings
        self._alert = alert
        self._jitter = jitter
        self._http = httpx.AsyncClient(base_url=settings.base_url, timeout=settings.timeout_s, trust_env=False)
        self._tokens = TokenCache(redis, keys, self._fetch_token)
        self._stops = Stops(redis, keys)
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, api: str, body: Card) -> Card:
        """POST `body` to `/cgi-bin/<api>` and return the reply of errcode 0. Raises the errors of `errcodes`."""
        with redis_needed():
            return await self._call(api, body)

    async def _call(self, api: str, body: Card) -> Card:
        async with self._gates[api]:
            await self._stops.check(api)
            token = await self._tokens.get()
            answer = await self._tried(api, lambda: self._post(api, token, body))
            if action_of(answer.errcode) is Action.RENEW_TOKEN:
                token = await self._tokens.replace(token)
                answer = await self._tried(api, lambda: self._post(api, token, body))
            return await self._settled(api, answer)

    async def _fetch_token(self) -> tuple[str, int]:
        await self._stops.check("gettoken")
        query = {"corpid": self._settings.corp_id, "corpsecret": self._settings.secret}
        answer = await self._tried("gettoken", lambda: self._ask("GET", "gettoken", query))
        body = await self._settled("gettoken", _Answer(answer.errcode, answer.body))
        token, life_s = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not isinstance(life_s, int):
            raise WeComBusy("WeCom answered without a token; try again later", maybe_done=False)
        return token, life_s

    async def _tried(self, api: str, send: Callable[[], Awaitable[_Answer]]) -> _Answer:
        answer = await send()
        maybe_done = answer.maybe_done
        for retry in range(RETRIES):
            if action_of(answer.errcode) is not Action.RETRY:
                break
            wait_s = self._settings.first_backoff_s * 2**retry * (0.5 + self._jitter())
            log.info("wecom.retry", api=api, errcode=answer.errcode, retry=retry + 1, wait_s=round(wait_s, 3))
            await asyncio.sleep(wait_s)
            answer = await send()
            maybe_done = maybe_done or answer.maybe_done
        return _Answer(answer.errcode, answer.body, maybe_done)

    async def _post(self, api: str, token: str, body: Card) -> _Answer:
        return await self._ask("POST", api, {"access_token": token}, body)

    async def _ask(self, method: str, api: str, query: dict[str, str], body: Card | None = None) -> _Answer:
        try:
            response = await self._http.request(method, f"/cgi-bin/{api}", params=query, json=body)
            reply = response.json() if response.status_code == httpx.codes.OK else None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return _Answer(BUSY, {})
        except (httpx.HTTPError, ValueError):
            return _Answer(BUSY, {}, maybe_done=True)
        if not isinstance(reply, dict) or not isinstance(reply.get("errcode"), int):
            return _Answer(BUSY, {}, maybe_done=True)
        return _Answer(reply["errcode"], reply)

    async def _settled(self, api: str, answer: _Answer) -> Card:
        action, errcode = action_of(answer.errcode), answer.errcode
        if action is Action.DONE:
            return answer.body
        if action is Action.STOP_API:
            log.warning("wecom.api_stopped", api=api, errcode=errcode)
            raise await self._stops.stop(api)
        if action is Action.RETRY:
            raise WeComBusy(f"WeCom does not answer {api}; try again later", maybe_done=answer.maybe_done)
        raise self._refusal(api, action, answer)

    def _refusal(self, api: str, action: Action, answer: _Answer) -> Exception:
        errcode, advice = answer.errcode, advice_for(answer.errcode)
        message = f"WeCom refuses {api} with errcode {errcode}: {advice}"
        if action in (Action.CONFIG, Action.RENEW_TOKEN):
            self._alert(Alert("config", errcode, api, advice))
            return ConfigWrong(message)
        if action is Action.MARK_USERS:
            self._alert(Alert("user", errcode, api, advice))
            return NobodyReached(message)
        if action is Action.DISABLE_BOT:
            self._alert(Alert("config", errcode, api, advice))
            return BotDisabled(message)
        if action is Action.DROP_RELATION:
            return RelationGone(message)
        hint = self._hint(answer.body)
        log.warning("wecom.message_refused", api=api, errcode=errcode, hint=hint)
        return MessageRefused(message, errors=[Problem(f"/{api}", f"errcode_{errcode}", hint)])

    def _hint(self, body: Card) -> str:
        """WeCom's own words, which name the field; the secret is taken out should they repeat it."""
        return cut(str(body.get("errmsg", "")).replace(self._settings.secret, "***"), 200)


def random_jitter() -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing
