"""Settings of the stand-in, from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PREFIX = "WECOM_STANDIN_"


class SettingsWrong(ValueError):
    """A variable of the environment is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class StandInSettings:
    """The corp, app and callback that the stand-in plays. Port 0 takes a free one.

    Without a callback address there are no cards with buttons, as in the real service.
    """

    corpid: str
    secret: str = field(repr=False)
    agentid: int
    callback_url: str = ""
    token: str = field(default="", repr=False)
    encoding_aes_key: str = field(default="", repr=False)
    webhook_key: str = field(default="", repr=False)
    account_cap: int = 1000
    token_life_s: int = 7200
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        if not (self.corpid and self.secret):
            raise SettingsWrong(f"set {PREFIX}CORPID and {PREFIX}SECRET")
        if self.callback_url and not (0 < len(self.token) <= 32 and len(self.encoding_aes_key) == 43):
            raise SettingsWrong(f"a callback needs {PREFIX}TOKEN (1-32) and {PREFIX}ENCODING_AES_KEY (43 characters)")

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> StandInSettings:
        """From the environment; raises SettingsWrong.

        `WECOM_STANDIN_` with CORPID, SECRET, AGENTID (needed); CALLBACK_URL, TOKEN, ENCODING_AES_KEY (for buttons);
        WEBHOOK_KEY (for group messages); ACCOUNT_CAP (1000), TOKEN_LIFE_S (7200), HOST (127.0.0.1), PORT (0).
        """
        return cls(
            corpid=environ.get(f"{PREFIX}CORPID", ""),
            secret=environ.get(f"{PREFIX}SECRET", ""),
            agentid=_number(environ, "AGENTID", None),
            callback_url=environ.get(f"{PREFIX}CALLBACK_URL", ""),
            token=environ.get(f"{PREFIX}TOKEN", ""),
            encoding_aes_key=environ.get(f"{PREFIX}ENCODING_AES_KEY", ""),
            webhook_key=environ.get(f"{PREFIX}WEBHOOK_KEY", ""),
            account_cap=_number(environ, "ACCOUNT_CAP", 1000),
            token_life_s=_number(environ, "TOKEN_LIFE_S", 7200),
            host=environ.get(f"{PREFIX}HOST", "127.0.0.1"),
            port=_number(environ, "PORT", 0),
        )


def _number(environ: Mapping[str, str], name: str, default: int | None) -> int:
    text = environ.get(PREFIX + name, "")
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdigit():
        raise SettingsWrong(f"{PREFIX}{name} must be a whole number")
    return int(text)
