"""The corp's side of each call: tokens, injected faults, counts of calls, members."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest

from demo.wecom.refusals import Fields, Refused
from demo.wecom.settings import StandInSettings

RENEW_WITHIN_S = 300
CHINA_OFFSET_S = 8 * 3600
DAY_S = 86_400
PERSON_TIMES_PER_ACCOUNT = 200


@dataclass(slots=True)
class Fault:
    """The next `times` calls answer `errcode` (0: as usual).

    Each begins after `delay_s` seconds; one that went well is answered only `answer_delay_s` seconds after it was done.
    """

    errcode: int
    times: int
    delay_s: float = 0.0
    answer_delay_s: float = 0.0


class Service:
    """State that is no message. `now` gives the Unix time."""

    def __init__(self, settings: StandInSettings, now: Callable[[], float]) -> None:
        self.settings = settings
        self.calls: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.members: dict[str, str] = {}
        self._now = now
        self._running: Counter[str] = Counter()
        self._faults: dict[str, deque[Fault]] = {}
        self._tokens: dict[str, float] = {}
        self._person_times = (0, 0)

    def inject(self, api: str, fault: Fault) -> None:
        self._faults.setdefault(api, deque()).append(fault)

    @asynccontextmanager
    async def call(self, api: str) -> AsyncIterator[None]:
        """Count the call and let it meet its fault; raises Refused."""
        self.calls[api] += 1
        self._running[api] += 1
        self.most_at_once[api] = max(self.most_at_once[api], self._running[api])
        try:
            answer_delay_s = await self._meet_fault(api)
            yield
            await asyncio.sleep(answer_delay_s)
        finally:
            self._running[api] -= 1

    async def _meet_fault(self, api: str) -> float:
        """Seconds to hold the answer back; raises Refused."""
        waiting = self._faults.get(api)
        if not waiting:
            return 0.0
        fault = waiting[0]
        fault.times -= 1
        if fault.times == 0:
            waiting.popleft()
        await asyncio.sleep(fault.delay_s)
        if fault.errcode:
            raise Refused(fault.errcode, "injected")
        return fault.answer_delay_s

    def give_token(self, corpid: str, secret: str) -> Fields:
        """The current token with the rest of its life, or a new one shortly before its end."""
        if corpid != self.settings.corpid:
            raise Refused(40013)
        if not compare_digest(secret.encode(), self.settings.secret.encode()):
            raise Refused(40001)
        now, life_s = self._now(), self.settings.token_life_s
        self._tokens = {token: end for token, end in self._tokens.items() if end > now - DAY_S}
        newest, end = next(reversed(self._tokens.items()), ("", 0.0))
        if end - now <= min(RENEW_WITHIN_S, life_s / 4):
            newest, end = secrets.token_urlsafe(48), now + life_s
            self._tokens[newest] = end
        return {"errcode": 0, "errmsg": "ok", "access_token": newest, "expires_in": int(end - now)}

    def check_token(self, token: str | None) -> None:
        if not token:
            raise Refused(41001)
        if token not in self._tokens:
            raise Refused(40014)
        if self._tokens[token] <= self._now():
            raise Refused(42001)

    def revoke_tokens(self) -> None:
        """All tokens become invalid at once, as the real service may do."""
        self._tokens.clear()

    def count_person_times(self, people: int) -> None:
        """200 person-times a day for each account of the cap; the day is China's."""
        day = int((self._now() + CHINA_OFFSET_S) // DAY_S)
        used = self._person_times[1] if self._person_times[0] == day else 0
        if used + people > self.settings.account_cap * PERSON_TIMES_PER_ACCOUNT:
            raise Refused(45009, "person-times of the day")
        self._person_times = (day, used + people)

    def sort_out(self, users: list[str]) -> tuple[list[str], list[str], list[str]]:
        """Those reached, those unknown and those without a licence. Everybody is a member unless named otherwise."""
        gone = [user for user in users if self.members.get(user.lower()) == "gone"]
        unlicensed = [user for user in users if self.members.get(user.lower()) == "unlicensed"]
        return [user for user in users if user not in gone and user not in unlicensed], gone, unlicensed
