"""The append-only ledger: entries of the balance and counts of the rules, written with what they speak of.

The database adds every entry to its day (migration 0003), so that the balance is read from a row a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

import polars as pl
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.cleaning.batch import TRADE_ZONE, Severity
from services.ingest.domain.cleaning.receipt import Refused
from services.ingest.domain.rules import RULES
from services.ingest.store.tables import ENTRY, RULE_COUNT
from services.ingest.usecases import Entry

OUTCOME = ("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired", "newest")
ROWS = 1000
_ONLY_WARN = {rule.id for rule in RULES if rule.severity is Severity.WARN}


def day_of(at: datetime) -> date:
    """The day of arrival in the trade zone."""
    return at.astimezone(TRADE_ZONE).date()


class Ledger:
    """What one transaction adds to the balance and to the counts of the rules."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._fired: Counter[tuple[date, str, str, str, str]] = Counter()

    def add(self, entry: Entry) -> None:
        self._entries[entry.id] = entry

    def fired(self, at: datetime, source: str, kind: str, rule: str, severity: str, *, records: int) -> None:
        """A rule fired on so many records of a message."""
        if records:
            self._fired[day_of(at), source, kind, rule, severity] += records

    def fired_on_accepted(self, at: datetime, source: str, kind: str, records: pl.DataFrame) -> None:
        """Counts the rules that records carry. On an accepted record a rule mended something or warned."""
        marked = records.select("quality_rules", "quality_status").filter(pl.col("quality_rules").list.len() > 0)
        if marked.is_empty():
            return
        rules = marked.explode("quality_rules").group_by("quality_rules", "quality_status").len()
        for rule, status, count in rules.iter_rows():
            has_mended = status == "repaired" and rule not in _ONLY_WARN
            severity = Severity.REPAIR if has_mended else Severity.WARN
            self.fired(at, source, kind, rule, severity.value, records=count)

    def fired_on_refused(self, at: datetime, source: str, kind: str, records: Iterable[Refused]) -> None:
        """Counts each rule once a record."""
        for record in records:
            for rule, severity in {(reason.rule, reason.severity) for reason in record.reasons}:
                self.fired(at, source, kind, rule, severity, records=1)

    async def write(self, session: AsyncSession) -> None:
        """Adds everything; a pending entry of the door becomes the outcome of its message."""
        rows = [_row(self._entries[id]) for id in sorted(self._entries)]
        for start in range(0, len(rows), ROWS):
            statement = insert(ENTRY).values(rows[start : start + ROWS])
            outcome = {name: statement.excluded[name] for name in OUTCOME}
            await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=outcome))
        names = ("day", "source", "kind", "rule", "severity")
        fired = [{**dict(zip(names, key, strict=True)), "records": self._fired[key]} for key in sorted(self._fired)]
        for start in range(0, len(fired), ROWS):
            counts = insert(RULE_COUNT).values(fired[start : start + ROWS])
            added = {"records": RULE_COUNT.c.records + counts.excluded.records}
            await session.execute(counts.on_conflict_do_update(index_elements=list(names), set_=added))


def _row(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "batch_id": entry.batch_id,
        "source": entry.source,
        "kind": entry.kind,
        "at": entry.at,
        **{name: getattr(entry, name) for name in OUTCOME},
    }
