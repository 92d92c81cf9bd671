"""What each errcode of WeCom means for us.

chassis.errors
  Unavailable ─ WeComBusy       still busy after the last try; send again later
              └ ApiStopped      frequency limit: the whole API pauses, keep the queue
  Denied ────── ConfigWrong     secret, corp id, permission or egress address: a person must act
              ├ AudienceRefused control C-01
              └ BotDisabled     the group robot was removed or stopped
  Invalid ───── MessageRefused  this message will never be accepted as it is
  NotFound ──── NobodyReached   no receiver of the message exists
              └ RelationGone    no contact relation with this customer any more
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from chassis.errors import Denied, Invalid, NotFound, Unavailable


class WeComBusy(Unavailable):
    """No answer, or errcode -1 or 45033 up to the last try; `maybe_done`: WeCom may have acted all the same."""

    def __init__(self, message: str, *, maybe_done: bool) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class ApiStopped(Unavailable):
    """The API is paused after errcode 45009; nothing was sent. Try again after `retry_after_s` seconds."""


class ConfigWrong(Denied):
    """A setting on our side or in WeCom's admin console is wrong; no retry helps."""


class AudienceRefused(Denied):
    """The audience may not receive anything from this system."""


class BotDisabled(Denied):
    """The group robot's webhook no longer works."""


class MessageRefused(Invalid):
    """WeCom refuses the content of this message."""


class NobodyReached(NotFound):
    """All receivers are unknown to WeCom."""


class RelationGone(NotFound):
    """The customer relation does not exist any more and should be dropped."""


class Action(Enum):
    DONE = auto()
    RETRY = auto()
    RENEW_TOKEN = auto()
    STOP_API = auto()
    CONFIG = auto()
    MARK_USERS = auto()
    REFUSE = auto()
    DROP_RELATION = auto()
    DISABLE_BOT = auto()


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must look at. `kind` is `config` or `user`; `advice` says what to do."""

    kind: str
    errcode: int
    api: str
    advice: str


BUSY = -1

_ACTIONS = {
    0: Action.DONE,
    BUSY: Action.RETRY,
    45033: Action.RETRY,
    40014: Action.RENEW_TOKEN,
    42001: Action.RENEW_TOKEN,
    45009: Action.STOP_API,
    40001: Action.CONFIG,
    40013: Action.CONFIG,
    48002: Action.CONFIG,
    60011: Action.CONFIG,
    60020: Action.CONFIG,
    60111: Action.MARK_USERS,
    81013: Action.MARK_USERS,
    82001: Action.MARK_USERS,
    84061: Action.DROP_RELATION,
    84074: Action.DROP_RELATION,
    93000: Action.DISABLE_BOT,
    93004: Action.DISABLE_BOT,
    93008: Action.DISABLE_BOT,
}

_ADVICE = {
    40001: "the app secret is wrong: compare it with the one in the WeCom admin console",
    40013: "the corp id is wrong: compare it with the one in the WeCom admin console",
    40014: "WeCom refuses even a fresh token: check that app and secret belong together",
    42001: "WeCom calls even a fresh token expired: check that only one system renews the token",
    48002: "the app lacks the permission for this call: grant it in the WeCom admin console",
    60011: "the receiver is outside the app's visible range: widen it in the WeCom admin console",
    60020: "our egress address is not in the app's list of trusted addresses: add it and wait a minute",
    60111: "the member does not exist in WeCom: correct the user id",
    81013: "none of the receivers exists in WeCom or may see the app: correct the user ids",
    82001: "the message has no receiver that WeCom knows: correct the user ids",
    40058: "a parameter is wrong or too long",
    45002: "the content is too long: split it",
    40008: "the message type is not known to WeCom",
    42014: "the task id is not allowed or was used before",
    42017: "the button key is not allowed",
    84061: "there is no contact relation any more",
    84074: "there is no permission for this customer",
    93000: "the webhook key is wrong or the robot was removed",
    93004: "the robot is stopped",
    93008: "the robot is not in the group",
}


def action_of(errcode: int) -> Action:
    """What to do about an errcode; an unlisted one refuses the message, since a blind retry may end in a block."""
    return _ACTIONS.get(errcode, Action.REFUSE)


def advice_for(errcode: int) -> str:
    return _ADVICE.get(errcode, "look the errcode up in WeCom's list of global return codes")
