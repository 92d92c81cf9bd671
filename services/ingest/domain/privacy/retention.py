"""How long what is kept: raw series for days, who a consumer is for months, how to reach a shop while it is licensed.

A sale outlives its consumer: after the time the tokens go and the sale stays, as it does when a person is forgotten.
The reference of the consent stays too: a record of consent must be kept for years (C-10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from services.ingest.domain.privacy.erasing import CONSENT, CONTACT, LINK
from services.ingest.domain.schemas.fields import Kind

LICENCE_END = "license_valid_to"
TOKENS = tuple(name for name in LINK if name != CONSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """For how many days what is kept."""

    raw_days: int
    consumer_days: int
    contact_days: int
    """After the end of the licence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What has to go of a kind: the columns named, or whole rows where none are."""

    kind: str
    column: str
    """The day that counts."""
    before: date
    clears: tuple[str, ...] = ()


def due(kinds: Iterable[Kind], kept: Kept, today: date) -> list[Due]:
    """What has to go by a day."""
    found = []
    for kind in kinds:
        names = {field.name for field in kind.stored}
        if not kind.in_book:
            found.append(Due(kind=kind.name, column="biz_date", before=today - timedelta(kept.raw_days)))
        if names & set(TOKENS):
            clears = tuple(name for name in TOKENS if name in names)
            before = today - timedelta(kept.consumer_days)
            found.append(Due(kind=kind.name, column="biz_date", before=before, clears=clears))
        if LICENCE_END in names and names & set(CONTACT):
            clears = tuple(name for name in CONTACT if name in names)
            before = today - timedelta(kept.contact_days)
            found.append(Due(kind=kind.name, column=LICENCE_END, before=before, clears=clears))
    return found
