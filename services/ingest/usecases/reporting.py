"""Reports, differences between two accounts of one thing, and the chain of an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import polars as pl

from chassis.errors import Invalid, NotFound, Problem
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.usecases.days import day_asked

REPORTS = ("suppliers", "stock", "late_orders", "contradictions")
DIFFERENCES = (
    "transfer_receipt",
    "transfer_invoice",
    "invoice_payment",
    "stock_count",
    "stock_balance",
    "output_plan",
    "state_overlap",
    "slot_balance",
)
CHAINS = ("commercial_order", "oms_order", "transfer")
DEFAULT_ROWS = 100
MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWanted:
    """Which rows of a report; `today` is the day as of which something is late."""

    name: str
    first: date
    last: date
    today: date
    equal: tuple[tuple[str, str], ...] = ()
    limit: int = DEFAULT_ROWS
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Rows, and the cursor of the next page or nothing."""

    rows: pl.DataFrame
    following: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The states of the lines of an order, by line and time."""

    rows: pl.DataFrame
    promised_on: date | None
    is_late: bool


class Reports(Protocol):
    """Where reports are computed."""

    async def report(self, wanted: ReportWanted) -> ReportPage: ...

    async def differences(self, wanted: ReportWanted) -> ReportPage: ...

    async def chain(self, kind: str, no: str, today: date) -> Chain | None: ...


async def get_report(
    reports: Reports,
    now: Callable[[], datetime],
    name: str,
    *,
    days: tuple[str, str],
    equal: Mapping[str, str],
    page: tuple[int, str],
) -> ReportPage:
    """A page of a report as of its last day (empty: today); raises NotFound for one that there is not."""
    if name not in REPORTS:
        raise NotFound(f"the reports are {', '.join(REPORTS)}", code="unknown_report")
    return await reports.report(_wanted(name, now, days, equal, page))


async def list_differences(
    reports: Reports, now: Callable[[], datetime], type: str, *, days: tuple[str, str], page: tuple[int, str]
) -> ReportPage:
    """A page of differences, newest business date first; all types where none is named."""
    if type and type not in DIFFERENCES:
        message = f"use one of {', '.join(DIFFERENCES)}"
        raise Invalid("the type is unknown", errors=[Problem("/type", "unknown_type", message)])
    return await reports.differences(_wanted(type, now, days, {}, page))


async def get_chain(reports: Reports, now: Callable[[], datetime], kind: str, no: str) -> Chain:
    """The chain of an order; raises NotFound when the book has no line of it."""
    if kind not in CHAINS:
        problem = Problem("/kind", "unknown_kind", f"use one of {', '.join(CHAINS)}")
        raise Invalid("this kind has no chain of states", errors=[problem])
    chain = await reports.chain(kind, no.replace("\0", ""), now().astimezone(TRADE_ZONE).date())
    if chain is None:
        raise NotFound("there is no such order", code="order_not_found")
    return chain


def _wanted(
    name: str, now: Callable[[], datetime], days: tuple[str, str], equal: Mapping[str, str], page: tuple[int, str]
) -> ReportWanted:
    today = now().astimezone(TRADE_ZONE).date()
    last = day_asked(days[1])
    size, cursor = page
    return ReportWanted(
        name=name,
        first=day_asked(days[0]) or date(1, 1, 1),
        last=last or date(9999, 12, 31),
        today=last or today,
        equal=tuple((name, value.replace("\0", "")) for name, value in equal.items()),
        limit=min(size or DEFAULT_ROWS, MAX_ROWS),
        cursor=cursor,
    )
