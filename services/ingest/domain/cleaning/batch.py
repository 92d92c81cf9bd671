"""A batch on its way through the cleaning rules: columns, and what the rules found in them.

Masks are numpy arrays of bool, one place per record: they cost a microsecond where an expression costs fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa

from services.ingest.domain.frames.columns import (
    Floats,
    Mask,
    Micros,
    Places,
    as_floats,
    constant,
    everywhere,
    filled,
    nowhere,
)
from services.ingest.domain.frames.native import cast, named, of_array, of_texts, taken, to_arrow
from services.ingest.domain.frames.once import once
from services.ingest.domain.known.directory import Directory
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.domain.schemas.fields import UTC_TIME, Kind
from services.ingest.domain.values.text import Shape, shape
from services.ingest.domain.values.units import Packs

TRADE_ZONE = ZoneInfo("Asia/Shanghai")
EARLIEST = date(2000, 1, 1)
LATE_DAYS = 35
_OF_KEYS = ("DQ-01", "DQ-02", "DQ-05")
_OF_TIMES = ("DQ-02", "DQ-07")


class Severity(StrEnum):
    """What a finding does to its record, strongest first."""

    REJECT = "reject"
    QUARANTINE = "quarantine"
    REPAIR = "repair"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired on some records of a batch."""

    rule: str
    severity: Severity
    field: str
    mask: Mask
    message: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a quantity column as its mapping declares it: one for all, or a column of them, or both."""

    fixed: str | None = None
    column: pl.Series | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the rules know beside the records: the time, the master data, the source's habits."""

    now: datetime
    directory: Directory
    regions: Regions
    tokens: TokenKey
    zone: ZoneInfo = TRADE_ZONE
    zone_is_declared: bool = False
    """The mapping names the zone of times without one, so that assuming it is no repair."""
    earliest: date = EARLIEST
    late_days: int = LATE_DAYS
    coordinates: str = "wgs84"
    """System of the source's coordinates: wgs84, gcj02 or bd09."""
    source: str = ""
    """Name of the source: its aliases are its own."""
    newest: date | None = None
    """Newest business date of this source and kind before this batch, for sources on the clock of their data."""
    on_data_clock: bool = False
    time_formats: dict[str, str] = field(default_factory=dict)
    future: timedelta = timedelta(minutes=10)
    withdrawn: Callable[[Iterable[str]], set[str]] | None = None
    """Those of the consent references that were withdrawn; None: no consent ever was."""
    is_replay: bool = False
    """The records were set aside before; each is an item of its own, so that none repeats another."""
    is_age_approved: bool = False
    """A person says that the records are as old as they say: no limit of age sets them aside."""


@dataclass(slots=True)
class Repair:
    """A mended field: which records, and what they held before."""

    field: str
    mask: Mask
    before: pl.Series


class Bodies:
    """Which rows of a batch came in which body: one body's rows follow each other."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.starts: list[int] = [0, *accumulate(sizes)]

    def __len__(self) -> int:
        return len(self.sizes)

    @once
    def numbers(self) -> Places:
        """The number of each row's body."""
        return np.repeat(np.arange(len(self.sizes), dtype=np.uint32), self.sizes)

    @once
    def column(self) -> pl.Series:
        """The number of each row's body, as a column."""
        return of_array(self.numbers)

    def sums(self, mask: Mask) -> list[int]:
        """Rows of each body on which a mask is true."""
        hits = int(np.count_nonzero(mask))
        if len(self.sizes) == 1:
            return [hits]
        if not hits:
            return [0] * len(self.sizes)
        if hits == mask.size:
            return list(self.sizes)
        counts = np.concatenate(([0], np.cumsum(mask)))[self.starts]
        sums: list[int] = np.diff(counts).tolist()
        return sums

    def spread(self, values: Sequence[str | None]) -> pl.Series:
        """A column with the text of each body on all of its rows."""
        if len(set(values)) == 1:
            return constant(values[0], self.starts[-1])
        return taken(of_texts(values), self.column)

    def spread_times(self, micros: Micros) -> pl.Series:
        """A column with the time of each body, in microseconds since 1970, on all of its rows."""
        return cast(of_array(micros.repeat(self.sizes)), UTC_TIME)

    def slices(self) -> Iterator[slice]:
        """The rows of each body."""
        return map(slice, self.starts[:-1], self.starts[1:])


class Batch:
    """Typed columns by canonical name, with the findings of the rules so far."""

    def __init__(
        self,
        kind: Kind,
        columns: dict[str, pl.Series],
        lines: pl.Series,
        door: Door,
        units: dict[str, Unit],
        *,
        bodies: Bodies | None = None,
    ) -> None:
        self.kind = kind
        self.columns = columns
        self.lines = lines
        self.door = door
        self.units = units
        self.size = len(lines)
        self.bodies = bodies or Bodies([self.size])
        self.findings: list[Finding] = []
        self.repairs: list[Repair] = []
        self._shapes: dict[str, tuple[pl.Series, Shape]] = {}
        self._numbers: dict[str, tuple[pl.Series, Floats]] = {}
        self._nowhere = nowhere(self.size)
        self.repeated = self._nowhere
        """Exact repetitions of an earlier record of the batch."""
        self.deleting: Mask | None = None
        """Records that only delete: their key and their time are judged, nothing else."""
        self.packs: Packs | None = None
        """Pack sizes and guide price of each record's product."""

    def get(self, name: str) -> pl.Series | None:
        return self.columns.get(name)

    def array(self, name: str) -> pa.LargeStringArray:
        """A text column as Arrow has it."""
        values = self.columns[name]
        known = self._shapes.get(name)
        return to_arrow(values) if known is None or known[0] is not values else known[1].array

    def shape(self, name: str) -> Shape:
        """The shape of a text column, looked at once."""
        values = self.columns[name]
        known = self._shapes.get(name)
        if known is None or known[0] is not values:
            known = self._shapes[name] = (values, shape(values))
        return known[1]

    def put(self, name: str, values: pl.Series) -> None:
        self.columns[name] = named(values, name)

    def pop(self, name: str) -> pl.Series | None:
        return self.columns.pop(name, None)

    def is_complete(self, name: str) -> bool:
        """Whether a field has a value on every record."""
        values = self.columns.get(name)
        return values is not None and not values.null_count()

    def present(self, name: str) -> Mask:
        """Where a field has a value."""
        values = self.columns.get(name)
        if values is None:
            return self._nowhere
        return filled(values)

    def missing(self, name: str) -> Mask:
        """Where a field has no value."""
        return self._nowhere if self.is_complete(name) else ~self.present(name)

    def numbers(self, name: str) -> Floats | None:
        """A numeric column as floats, NaN where empty; None where the field is absent."""
        values = self.columns.get(name)
        if values is None:
            return None
        known = self._numbers.get(name)
        if known is None or known[0] is not values:
            known = self._numbers[name] = (values, as_floats(values))
        return known[1]

    def nowhere(self) -> Mask:
        """No record; the array is shared and cannot be written."""
        return self._nowhere

    def everywhere(self) -> Mask:
        """Every record; the array is shared and cannot be written."""
        return everywhere(self.size)

    @once
    def has_one_record_a_key(self) -> bool:
        """Whether no two records share a business key; to be asked when all have theirs."""
        return self.size < 2 or self.columns["record_key"].n_unique() == self.size

    def body_numbers(self) -> pl.Series:
        """The number of each row's body: what repeats or contradicts itself does so within one."""
        return self.bodies.column

    def find(self, rule: str, severity: Severity, name: str, mask: Mask, message: str) -> None:
        """Notes that a rule fired; a mask without a hit leaves no trace."""
        if mask is self._nowhere or not np.count_nonzero(mask):
            return
        mask = self._concerned(rule, name, mask)
        if np.count_nonzero(mask):
            self.findings.append(Finding(rule, severity, name, mask, message))

    def mend(self, rule: str, name: str, mask: Mask, before: pl.Series | None, message: str) -> None:
        """Notes a repair and keeps the values from before it; `before` is None for personal fields and defaults."""
        if mask is self._nowhere or not np.count_nonzero(mask):
            return
        mask = self._concerned(rule, name, mask)
        if not np.count_nonzero(mask):
            return
        self.findings.append(Finding(rule, Severity.REPAIR, name, mask, message))
        if before is not None:
            self.repairs.append(Repair(name, mask, before))

    def _concerned(self, rule: str, name: str, mask: Mask) -> Mask:
        if self.deleting is None:
            return mask
        if name in self.kind.keys and rule in _OF_KEYS:
            return mask
        if name == self.kind.occurred and rule in _OF_TIMES:
            return mask
        return mask & ~self.deleting

    def worst(self, severity: Severity) -> Mask:
        """Records on which a finding of this severity fired."""
        mask = self._nowhere
        for finding in self.findings:
            if finding.severity is severity:
                mask = mask | finding.mask
        return mask

    def refused(self) -> Mask:
        return self.worst(Severity.REJECT) | self.worst(Severity.QUARANTINE)
