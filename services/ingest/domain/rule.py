"""What a cleaning rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.ingest.domain.batch import Batch, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check over whole columns that notes findings in the batch and may mend its columns."""

    id: str
    severity: Severity
    """The strongest thing it does to a record."""
    order: int
    """Place in the sequence: 1-9 personal data, 10-19 reading, 20-39 references, 40-79 facts, 90- repetitions."""
    doc: str
    check: Callable[[Batch], None]
