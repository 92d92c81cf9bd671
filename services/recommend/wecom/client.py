"""The WeCom client: cards and texts to members of the corp."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from redis.asyncio import Redis

from chassis.errors import ChassisError, Invalid, Problem
from services.recommend.wecom.errcodes import Alert, ApiStopped, NobodyReached, WeComBusy
from services.recommend.wecom.keys import Keys, redis_needed
from services.recommend.wecom.limits import Grant, HeldBack, SendLimits
from services.recommend.wecom.policy import Audience, ContentClass, permit
from services.recommend.wecom.sizes import (
    CARD_TEXT_BYTES,
    MAX_RECEIVERS,
    MAX_TEXT_BYTES,
    Card,
    Json,
    cut,
    fitted,
    problems_of,
)
from services.recommend.wecom.stops import UnknownMembers
from services.recommend.wecom.transport import Transport, WeComSettings, log_alert, random_jitter

__all__ = ["HeldBack", "Sent", "Updated", "WeComClient", "WeComSettings"]

log = structlog.get_logger(__name__)
SEND = "message/send"
UPDATE = "message/update_template_card"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of each receiver: every one of them is in exactly one of the four groups.

    `unknown` are members whom WeCom does not know, `unlicensed` those without a licence for it. `response_code` updates
    an interactive card once within 72 h. Nothing was sent when `msgid` is None.
    """

    delivered: tuple[str, ...]
    held_back: tuple[HeldBack, ...]
    unknown: tuple[str, ...]
    unlicensed: tuple[str, ...] = ()
    msgid: str | None = None
    response_code: str | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """Whose card changed, and whom WeCom does not know."""

    updated: tuple[str, ...]
    unknown: tuple[str, ...]


class WeComClient:
    """One app's client; enter it to use it, leave it to close its connections. `now` gives the Unix time."""

    def __init__(
        self,
        settings: WeComSettings,
        redis: Redis,
        *,
        alert: Callable[[Alert], None] = log_alert,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random_jitter,
    ) -> None:
        keys = Keys(settings.corp_id, settings.agent_id)
        self._settings = settings
        self._now = now
        self._transport = Transport(settings, redis, alert=alert, jitter=jitter)
        self._limits = SendLimits(redis, keys, account_cap=settings.account_cap)
        self._unknown = UnknownMembers(redis, keys, remember_s=settings.unknown_member_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def send_template_card(
        self, users: Sequence[str], card: Card, *, audience: Audience | str, content_class: ContentClass | str
    ) -> Sent:
        """Send a `button_interaction` or `text_notice` card; its texts are cut to size first.

        Raises AudienceRefused (C-01), Invalid for a card or receivers that cannot be sent, the errors of `errcodes`,
        and Unavailable while Redis is away: limits that cannot be counted cannot be kept.
        """
        permit(audience, content_class)
        fit = _fit_card(card)
        return await self._send(_receivers(users), {"msgtype": "template_card", "template_card": fit})

    async def send_text(
        self, users: Sequence[str], text: str, *, audience: Audience | str, content_class: ContentClass | str
    ) -> Sent:
        """Send a text, cut to 2048 bytes. Raises like send_template_card.

        WeCom shows the same text to the same receivers only once in 30 minutes, so that a retry cannot double it.
        """
        permit(audience, content_class)
        content = cut(text, MAX_TEXT_BYTES)
        if not content.strip():
            raise Invalid("write a text", errors=[Problem("/text/content", "required", "must not be empty")])
        return await self._send(_receivers(users), {"msgtype": "text", "text": {"content": content}})

    async def update_template_card(
        self,
        users: Sequence[str],
        response_code: str,
        *,
        change: str | Card,
        audience: Audience | str,
        content_class: ContentClass | str,
    ) -> Updated:
        """Change a sent card: `change` is the new text of its buttons, or a whole new card.

        A response code works once, within 72 h; MessageRefused says that it did not. ApiStopped and WeComBusy ask for a
        later try.
        """
        permit(audience, content_class)
        receivers = _receivers(users)
        body: Card = {"agentid": self._settings.agent_id, "response_code": response_code, "userids": list(receivers)}
        if isinstance(change, str):
            body["button"] = {"replace_name": cut(change, CARD_TEXT_BYTES["button_list/*/text"])}
        else:
            body["template_card"] = _fit_card(change)
        try:
            reply = await self._transport.call(UPDATE, body)
        except NobodyReached:
            return Updated((), tuple(receivers))
        unknown = _named(receivers, reply.get("invaliduser"))
        return Updated(tuple(user for user in receivers if user not in unknown), unknown)

    async def _send(self, receivers: Sequence[str], content: Card) -> Sent:
        with redis_needed():
            marked = await self._unknown.among(receivers)
            known = [user for user in receivers if user not in marked]
            grant = await self._limits.reserve(known, now_s=self._now())
        if grant.held_back:
            log.info("wecom.held_back", members=len(grant.held_back), limit=grant.held_back[0].limit)
        if not grant.allowed:
            return Sent((), grant.held_back, marked)
        try:
            reply = await self._transport.call(SEND, self._envelope(grant.allowed, content))
        except ApiStopped as stopped:
            await self._limits.give_back(grant, grant.allowed)
            waiting = tuple(HeldBack(user, "api_stopped", stopped.retry_after_s or 0.0) for user in grant.allowed)
            return Sent((), grant.held_back + waiting, marked)
        except NobodyReached:
            await self._not_reached(grant, grant.allowed)
            return Sent((), grant.held_back, marked + grant.allowed)
        except ChassisError as error:
            if not (isinstance(error, WeComBusy) and error.maybe_done):
                await self._limits.give_back(grant, grant.allowed)
            raise
        return await self._sorted_out(grant, marked, reply)

    async def _sorted_out(self, grant: Grant, marked: tuple[str, ...], reply: Card) -> Sent:
        """WeCom answers errcode 0 even if only some receivers got the message: the lists tell."""
        unknown = _named(grant.allowed, reply.get("invaliduser"))
        unlicensed = _named([user for user in grant.allowed if user not in unknown], reply.get("unlicenseduser"))
        await self._not_reached(grant, unknown)
        await self._limits.give_back(grant, unlicensed)
        return Sent(
            delivered=tuple(user for user in grant.allowed if user not in {*unknown, *unlicensed}),
            held_back=grant.held_back,
            unknown=marked + unknown,
            unlicensed=unlicensed,
            msgid=_optional_text(reply.get("msgid")),
            response_code=_optional_text(reply.get("response_code")),
        )

    async def _not_reached(self, grant: Grant, users: Sequence[str]) -> None:
        if users:
            log.warning("wecom.members_unknown", members=len(users))
            await self._unknown.mark(users)
            await self._limits.give_back(grant, users)

    def _envelope(self, users: Sequence[str], content: Card) -> Card:
        # WeCom's own check for duplicates makes a retry after a lost answer harmless.
        return {
            "touser": "|".join(users),
            "agentid": self._settings.agent_id,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": 1800,
            **content,
        }


def _receivers(users: Sequence[str]) -> tuple[str, ...]:
    receivers = tuple({user.lower(): user for user in users}.values())
    problems = []
    if not 1 <= len(receivers) <= MAX_RECEIVERS:
        problems.append(Problem("/users", "items", f"1 to {MAX_RECEIVERS} receivers for a message"))
    # `@all` and a list in one string would pass by the limits of each member.
    if any(not user or "|" in user or user.startswith("@") for user in receivers):
        problems.append(Problem("/users", "format", "each receiver is one user id"))
    if problems:
        raise Invalid("name the receivers of the message", errors=problems)
    return receivers


def _fit_card(card: Card) -> Card:
    fit = fitted(card)
    problems = problems_of(fit)
    if problems:
        raise Invalid("WeCom would refuse this card", errors=problems)
    return fit


def _named(users: Sequence[str], listed: Json) -> tuple[str, ...]:
    """Those of `users` in a list such as `zhangsan|lisi`, which WeCom writes in lower case."""
    names = set(listed.lower().split("|")) if isinstance(listed, str) else set()
    return tuple(user for user in users if user.lower() in names)


def _optional_text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
