"""What the stand-in remembers, all in memory: the newest messages, their codes and clicks, who was sent what."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from demo.wecom.refusals import Fields, Refused

KEPT_MESSAGES = 5_000
CODE_LIFE_S = 72 * 3600
PER_MEMBER_MINUTE = 30
PER_MEMBER_HOUR = 1_000


@dataclass(slots=True)
class Message:
    """One message as it was sent; `changes` holds what a member's card shows instead: a button text or a whole card."""

    msgid: str
    sent_at_s: float
    channel: str
    users: tuple[str, ...]
    msgtype: str
    content: bytes
    task_id: str = ""
    digest: str = ""
    codes: list[str] = field(default_factory=list)
    changes: dict[str, Fields] = field(default_factory=dict)
    clicks: dict[str, str] = field(default_factory=dict)

    def body(self) -> Fields:
        fields: Fields = json.loads(self.content)
        return fields

    def card_for(self, user: str) -> Fields:
        """The card as the member sees it now."""
        card = self.changes.get(user, {}).get("template_card")
        return card if isinstance(card, dict) else self.body()


@dataclass(slots=True)
class _Code:
    msgid: str
    expires_at_s: float
    is_used: bool = False


class Book:
    """Messages, response codes and the member limits. `now` gives the Unix time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.forgotten = 0
        self.over_limit = 0
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._codes: dict[str, _Code] = {}
        self._task_ids: set[str] = set()
        self._digests: dict[str, str] = {}
        self._member_times: dict[str, deque[float]] = {}

    def newest(self, *, user: str | None, limit: int) -> list[Message]:
        """The newest messages first, of one member if named."""
        chosen = (each for each in reversed(self._messages.values()) if user is None or user in each.users)
        return list(islice(chosen, limit))

    def __len__(self) -> int:
        return len(self._messages)

    def find(self, msgid: str) -> Message | None:
        return self._messages.get(msgid)

    def members(self) -> list[str]:
        """Everybody who has a message, in the order of the newest."""
        seen = dict.fromkeys(user for message in reversed(self._messages.values()) for user in message.users)
        return list(seen)

    def same_as(self, digest: str, *, within_s: int) -> Message | None:
        """A message of the same content to the same receivers, sent at most `within_s` seconds ago."""
        message = self._messages.get(self._digests.get(digest, ""))
        return message if message and self.now() - message.sent_at_s <= within_s else None

    def check_new_task(self, task_id: str) -> None:
        if task_id in self._task_ids:
            raise Refused(42014, "task_id was used before")

    def keep(self, message: Message) -> None:
        """Add a message and forget the oldest when there are more than 5,000."""
        self._messages[message.msgid] = message
        self._digests[message.digest] = message.msgid
        if message.task_id:
            self._task_ids.add(message.task_id)
        if len(self._messages) > KEPT_MESSAGES:
            self._forget(self._messages.popitem(last=False)[1])

    def _forget(self, message: Message) -> None:
        self.forgotten += 1
        self._task_ids.discard(message.task_id)
        if self._digests.get(message.digest) == message.msgid:
            del self._digests[message.digest]
        for code in message.codes:
            self._codes.pop(code, None)

    def new_code(self, message: Message) -> str:
        """A response code: changes the card once, within 72 h."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(message.msgid, self.now() + CODE_LIFE_S)
        message.codes.append(code)
        return code

    def message_of(self, code: str) -> Message:
        """The message a response code belongs to; raises Refused for an unknown, used or expired code."""
        entry = self._codes.get(code)
        if entry is None or entry.is_used or self.now() > entry.expires_at_s:
            raise Refused(40058, "response_code is unknown, used before or older than 72 h")
        return self._messages[entry.msgid]

    def use_code(self, code: str) -> None:
        self._codes[code].is_used = True

    def within_limits(self, users: Iterable[str]) -> tuple[str, ...]:
        """Those whom 30 messages a minute and 1,000 an hour still let through; the service drops the rest silently."""
        everybody = list(users)
        passed = tuple(user for user in everybody if self._takes_place(user))
        self.over_limit += len(everybody) - len(passed)
        return passed

    def _takes_place(self, user: str) -> bool:
        now, times = self.now(), self._member_times.setdefault(user, deque(maxlen=PER_MEMBER_HOUR))
        while times and times[0] <= now - 3600:
            times.popleft()
        in_minute = sum(1 for _ in islice(_since(times, now - 60), PER_MEMBER_MINUTE))
        if len(times) >= PER_MEMBER_HOUR or in_minute >= PER_MEMBER_MINUTE:
            return False
        times.append(now)
        return True


def _since(times: Sequence[float], start: float) -> Iterable[float]:
    for time in reversed(times):
        if time <= start:
            return
        yield time
