"""What happened, as a table: every record that came in is accounted for, and what was made of it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table

from deploy.clients import Clients
from marketwin.forecast.v1.service_pb2 import CountForecastsRequest
from marketwin.ingest.v1.service_pb2 import GetQualityRequest
from marketwin.profile.v1.service_pb2 import ListProfilesRequest
from marketwin.recommend.v1.service_pb2 import CountRecommendationsRequest
from marketwin.twin.v1.service_pb2 import CountTwinsRequest


@dataclass(frozen=True, slots=True)
class Balance:
    """Records of one source and kind, or of all: `received` must be the sum of what became of them."""

    received: int
    stored: int
    duplicate: int
    quarantined: int
    rejected: int
    pending: int

    @property
    def is_even(self) -> bool:
        """Whether every record is accounted for and none is still on its way."""
        accounted = self.stored + self.duplicate + self.quarantined + self.rejected
        return self.received == accounted and not self.pending

    def __add__(self, other: Balance) -> Balance:
        return Balance(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a running stack."""

    balances: dict[tuple[str, str], Balance]
    counts: dict[str, dict[str, int]]

    @property
    def total(self) -> Balance:
        return sum(self.balances.values(), Balance(0, 0, 0, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a person goes next."""

    console: str
    sign_in: str
    wecom: str | None
    drop: Path | None


async def look(clients: Clients) -> Summary:
    """Ask the services for their figures."""
    quality, twins, profiles, forecasts, ranking = await asyncio.gather(
        clients.ingest.GetQuality(GetQualityRequest()),
        clients.twin.CountTwins(CountTwinsRequest()),
        clients.profile.ListProfiles(ListProfilesRequest(page_size=1, with_total=True)),
        clients.forecast.CountForecasts(CountForecastsRequest()),
        clients.recommend.CountRecommendations(CountRecommendationsRequest()),
    )
    return Summary(
        balances={
            (each.source or "(direct)", each.kind): Balance(
                each.received, each.stored, each.duplicate, each.quarantined, each.rejected, each.pending
            )
            for each in quality.balances
        },
        counts={
            "twins": dict(twins.count_by_model),
            "profiles": {"retailer": profiles.total},
            "forecasts": {"annual": forecasts.annual, "weekly demand": forecasts.demand},
            "recommendations": dict(ranking.recommendations_by_state),
            "WeCom cards": dict(ranking.cards_by_state),
        },
    )


def show(console: Console, summary: Summary, doors: Doors, *, seconds: float) -> None:
    """Print the tables and the addresses."""
    made = Table("made of them", "number", "of which", box=SIMPLE_HEAD, pad_edge=False)
    made.columns[1].justify = "right"
    for name, counts in summary.counts.items():
        parts = ", ".join(f"{count:,} {part}" for part, count in sorted(counts.items()) if count)
        made.add_row(name, f"{sum(counts.values()):,}", parts)
    console.print(Group(_balance_table(summary), made))
    console.print(f"{_verdict(summary.total)}, in {seconds:.1f} s\n", soft_wrap=True)
    lines = [f"console      {doors.console}", f"sign in      {doors.sign_in}  (works once)"]
    if doors.wecom:
        lines.append(f"WeCom cards  {doors.wecom}  (stand-in: no corp is configured)")
    if doors.drop:
        lines.append(f"drop files   {doors.drop}{os.sep}  (CSV, XLSX, Parquet; templates under Data, Sources)")
    # Not wrapped: a link that is broken into lines cannot be clicked.
    console.print("\n".join(lines), soft_wrap=True)


def _balance_table(summary: Summary) -> Table:
    # Sources as headings: side by side with the kinds they would not fit into 80 columns.
    table = Table("records", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("in", "stored", "duplicate", "quarantined", "rejected"):
        table.add_column(name, justify="right")
    for source, group in itertools.groupby(sorted(summary.balances.items()), key=lambda each: each[0][0]):
        table.add_row(source, style="bold")
        for (_, kind), balance in group:
            table.add_row(f"  {kind}", *_cells(balance))
    table.add_section()
    table.add_row("all", *_cells(summary.total), style="bold")
    return table


def _cells(balance: Balance) -> Sequence[str]:
    values = (balance.received, balance.stored, balance.duplicate, balance.quarantined, balance.rejected)
    return [f"{value:,}" for value in values]


def _verdict(total: Balance) -> str:
    figures = (
        f"{total.received:,} records in = {total.stored:,} stored + {total.duplicate:,} duplicate"
        f" + {total.quarantined:,} quarantined + {total.rejected:,} rejected"
    )
    if total.is_even:
        return f"[green]✓[/] {figures}"
    return f"[red]✗ not balanced:[/] {figures}; {total.pending:,} still on their way"
