"""What the ingest service can do: take in, keep, set aside, answer."""

from __future__ import annotations

from services.ingest.usecases.arrival import Body
from services.ingest.usecases.days import get_quality_days, list_rules
from services.ingest.usecases.erasing import (
    Asked,
    Erasable,
    Eraser,
    Erasure,
    Erasures,
    ask_erasure,
    erase_waiting,
    forgotten_in,
    forgotten_records,
    list_erasures,
    renew_forgotten,
)
from services.ingest.usecases.grouping import Lanes
from services.ingest.usecases.history import HistoryStore, gather_history, keep_history
from services.ingest.usecases.holding import Holding
from services.ingest.usecases.keeping import keep
from services.ingest.usecases.ports import (
    Accepted,
    Balance,
    ConnectionSeen,
    Entered,
    Entry,
    Filter,
    FrontDoor,
    Log,
    Memory,
    Newest,
    Page,
    Part,
    QualityDay,
    Quarantined,
    RuleCount,
    SetAside,
    SourceSeen,
    Store,
    Taken,
    Totals,
)
from services.ingest.usecases.quarantine import Shelf, drop, find_quarantine, get_quarantined, mend, reopen
from services.ingest.usecases.reading import (
    find_records,
    get_record,
    get_statistics,
    list_balances,
    list_kinds,
    list_sources,
)
from services.ingest.usecases.replaying import replay_quarantine
from services.ingest.usecases.scada import MinuteStore, keep_samples
from services.ingest.usecases.taking_in import enter, known_kind, take_in
from services.ingest.usecases.templates import make_template

__all__ = [
    "Accepted",
    "Asked",
    "Balance",
    "Body",
    "ConnectionSeen",
    "Entered",
    "Entry",
    "Erasable",
    "Eraser",
    "Erasure",
    "Erasures",
    "Filter",
    "FrontDoor",
    "HistoryStore",
    "Holding",
    "Lanes",
    "Log",
    "Memory",
    "MinuteStore",
    "Newest",
    "Page",
    "Part",
    "QualityDay",
    "Quarantined",
    "RuleCount",
    "SetAside",
    "Shelf",
    "SourceSeen",
    "Store",
    "Taken",
    "Totals",
    "ask_erasure",
    "drop",
    "enter",
    "erase_waiting",
    "find_quarantine",
    "find_records",
    "forgotten_in",
    "forgotten_records",
    "gather_history",
    "get_quality_days",
    "get_quarantined",
    "get_record",
    "get_statistics",
    "keep",
    "keep_history",
    "keep_samples",
    "known_kind",
    "list_balances",
    "list_erasures",
    "list_kinds",
    "list_rules",
    "list_sources",
    "make_template",
    "mend",
    "renew_forgotten",
    "reopen",
    "replay_quarantine",
    "take_in",
]
