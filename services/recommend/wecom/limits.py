"""WeCom's sending limits, honoured before sending, because WeCom drops the excess without a word.

Per member 30 a minute and 1000 an hour, per app 200 person-times a day for each account of the cap. The member limits
count in sliding windows, which hold wherever WeCom's own windows begin; the day is China's.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from redis.asyncio import Redis

from services.recommend.wecom.keys import Keys, redis_optional

PER_MEMBER_MINUTE = 30
PER_MEMBER_HOUR = 1000
PERSON_TIMES_PER_ACCOUNT = 200
CHINA = timezone(timedelta(hours=8))
_REASONS = ("", "member_minute", "member_hour", "app_day")

# KEYS: day counter, then one log per member. Returns reason and milliseconds to wait in turn, for each member.
_RESERVE = """
local now, ticket = tonumber(ARGV[1]), ARGV[2]
local per_minute, per_hour, per_day = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local day_left_ms = tonumber(ARGV[6])
local answer, taken = {}, 0
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
for i = 2, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - 3600000)
  local reason, wait = 0, 0
  if redis.call('ZCOUNT', KEYS[i], '(' .. (now - 60000), '+inf') >= per_minute then
    local turn = redis.call('ZREVRANGE', KEYS[i], per_minute - 1, per_minute - 1, 'WITHSCORES')
    reason, wait = 1, tonumber(turn[2]) + 60000 - now
  end
  if redis.call('ZCARD', KEYS[i]) >= per_hour then
    local turn = redis.call('ZREVRANGE', KEYS[i], per_hour - 1, per_hour - 1, 'WITHSCORES')
    reason, wait = 2, tonumber(turn[2]) + 3600000 - now
  end
  if used + taken >= per_day then reason, wait = 3, day_left_ms end
  if reason == 0 then
    taken = taken + 1
    redis.call('ZADD', KEYS[i], now, ticket)
    redis.call('PEXPIRE', KEYS[i], 3600000)
  end
  answer[#answer + 1], answer[#answer + 2] = reason, wait
end
if taken > 0 then
  redis.call('INCRBY', KEYS[1], taken)
  redis.call('PEXPIRE', KEYS[1], day_left_ms + 3600000)
end
return answer
"""

_RELEASE = """
local freed = 0
for i = 2, #KEYS do freed = freed + redis.call('ZREM', KEYS[i], ARGV[1]) end
if freed > 0 and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECRBY', KEYS[1], freed) end
return freed
"""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A member who was not sent the message: which limit, and after how many seconds another try may succeed."""

    user_id: str
    limit: str
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may be sent the message now. `ticket` and `day` give the places back when nothing was sent."""

    ticket: str
    day: str
    allowed: tuple[str, ...]
    held_back: tuple[HeldBack, ...]


class SendLimits:
    """Counters in Redis, shared by all replicas; one script per message decides for all its receivers at once."""

    def __init__(self, redis: Redis, keys: Keys, *, account_cap: int) -> None:
        self._keys = keys
        self._per_day = account_cap * PERSON_TIMES_PER_ACCOUNT
        self._reserve = redis.register_script(_RESERVE)
        self._release = redis.register_script(_RELEASE)

    async def reserve(self, users: Sequence[str], *, now_s: float) -> Grant:
        """Take a place for every receiver that has one left; `now_s` is the Unix time."""
        now = datetime.fromtimestamp(now_s, CHINA)
        day, ticket = f"{now:%Y%m%d}", uuid.uuid4().hex
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        day_left_ms = int((midnight - now).total_seconds() * 1000)
        limits = [PER_MEMBER_MINUTE, PER_MEMBER_HOUR, self._per_day]
        flat = await self._reserve(keys=self._names(day, users), args=[int(now_s * 1000), ticket, *limits, day_left_ms])
        verdicts = list(zip(users, flat[::2], flat[1::2], strict=True))
        return Grant(
            ticket=ticket,
            day=day,
            allowed=tuple(user for user, reason, _ in verdicts if reason == 0),
            held_back=tuple(HeldBack(user, _REASONS[reason], ms / 1000) for user, reason, ms in verdicts if reason),
        )

    async def give_back(self, grant: Grant, users: Sequence[str]) -> None:
        """Free the places of receivers who certainly were not sent the message."""
        if users:
            with redis_optional():
                await self._release(keys=self._names(grant.day, users), args=[grant.ticket])

    def _names(self, day: str, users: Sequence[str]) -> list[str]:
        return [self._keys.day(day), *(self._keys.member_log(user) for user in users)]
