"""Shapes of the rights of persons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.schemas.base import Shape


class PrivacyRequestBody(Shape):
    """Names a token, or the consents that were withdrawn; never a phone number or a name."""

    type: Literal["erase", "withdraw"]
    token: str = Field(default="", max_length=80, description="For erase: k1: and 64 hexadecimal digits")
    consent_refs: list[str] = Field(default=[], max_length=1000, description="For withdraw: the consent_ref of records")
    reason: str = Field(min_length=1, max_length=500, description="Why, for the file; name nobody here")


class ErasedFrom(Shape):
    """What one store removed, and what a search found there afterwards."""

    store: str = Field(description="book, superseded, quarantine, history, log or cache")
    values: int = Field(description="Values removed: rows, messages, keys")
    left: int = Field(description="Values still found by a search afterwards: 0 is the proof")


class PrivacyRequest(Shape):
    """A request to forget, with its proof."""

    id: str
    type: str = Field(description="erase or withdraw")
    token: str | None = Field(description="sha256:HEX of the token, which is kept nowhere; null for withdrawn consents")
    requested_by: str
    reason: str
    requested_at: str
    finished_at: str | None = Field(description="null: it goes on, say until all have heard what the log holds")
    stores: list[ErasedFrom]
