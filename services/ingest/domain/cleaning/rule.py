"""What a cleaning rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.schemas.fields import Kind


def every_kind(_kind: Kind) -> bool:
    """A rule that says nothing else may have something to say of every kind."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check over whole columns that notes findings in the batch and may mend its columns."""

    id: str
    severity: Severity
    """The strongest thing it does to a record."""
    order: int
    """Place in the sequence: 1-9 personal data, 10-19 reading, 20-39 references, 40-89 facts, 90- repetitions."""
    doc: str
    check: Callable[[Batch], None]
    """Numbers that are missing are NaN; the pass lets numpy compare them and divide by nothing without a word."""
    concerns: Callable[[Kind], bool] = every_kind
    """The kinds of which it may have something to say; asked once a kind."""


def kinds(*names: str) -> Callable[[Kind], bool]:
    """A rule for the kinds of these names."""
    return lambda kind: kind.name in names
