"""What the client keeps in Redis, and what it means when Redis is away.

The names share one hash tag, so that a script may touch several keys of one app in a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from chassis.errors import Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one WeCom app."""

    corp_id: str
    agent_id: int

    def _key(self, *parts: str) -> str:
        return ":".join((f"wecom:{{{self.corp_id}:{self.agent_id}}}", *parts))

    @property
    def token(self) -> str:
        return self._key("token")

    @property
    def fresh(self) -> str:
        """Exists while the token is not yet due for renewal."""
        return self._key("token", "fresh")

    @property
    def token_lock(self) -> str:
        return self._key("token", "lock")

    def stopped(self, api: str) -> str:
        return self._key("stopped", api)

    def strikes(self, api: str) -> str:
        return self._key("strikes", api)

    def member_log(self, user_id: str) -> str:
        return self._key("member", user_id.lower())

    def unknown_member(self, user_id: str) -> str:
        return self._key("unknown", user_id.lower())

    def day(self, day: str) -> str:
        return self._key("day", day)


@contextmanager
def redis_needed() -> Iterator[None]:
    """Before a message leaves: without Redis nothing is sent, and the caller tries again."""
    try:
        yield
    except RedisError:
        raise Unavailable("the store of WeCom tokens and limits does not answer; send the message later") from None


@contextmanager
def redis_optional() -> Iterator[None]:
    """After WeCom has answered: a note that is lost costs a place in a limit, an error would send the message twice."""
    try:
        yield
    except RedisError as error:
        log.warning("wecom.note_lost", error=type(error).__name__)
