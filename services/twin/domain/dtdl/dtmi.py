"""Digital twin model identifiers: syntax of users' identifiers, lengths, reserved prefixes."""

from __future__ import annotations

import re

LONGEST = 2048
LONGEST_OF_INTERFACE = 128
RESERVED = ("dtmi:dtdl:", "dtmi:standard:")

_SEGMENT = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
_PATH = f"dtmi:{_SEGMENT}(?::{_SEGMENT})*"
_SYNTAX = {
    2: re.compile(rf"{_PATH};[1-9][0-9]{{0,8}}"),
    3: re.compile(rf"{_PATH}(?:;[1-9][0-9]{{0,8}}(?:\.[1-9][0-9]{{0,5}})?)?"),
}


def is_dtmi(text: str, version: int = 3) -> bool:
    """Whether `text` is an identifier as users write it in DTDL `version`; in v2 the version number is required."""
    return len(text) <= LONGEST and _SYNTAX[version].fullmatch(text) is not None


def is_reserved(text: str) -> bool:
    """Whether only the language itself may define `text`."""
    return text.startswith(RESERVED)


def without_version(text: str) -> str:
    return text.partition(";")[0]


def version_of(text: str) -> tuple[int, int] | None:
    """Major and minor version, 0 where no minor is given; None without a version."""
    _, _, version = text.partition(";")
    if not version:
        return None
    major, _, minor = version.partition(".")
    return int(major), int(minor or 0)
