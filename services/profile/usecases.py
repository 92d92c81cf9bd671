"""What the profile service can do."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from chassis.errors import Invalid, NotFound, Problem
from services.profile.domain.explain import Explanation, Override, Standing, explain
from services.profile.domain.key_customer import PARTS
from services.profile.domain.lines import deleted_keys, order_lines
from services.profile.domain.masters import cards_of_orders, causes, retailer_cards, sku_facts
from services.profile.domain.outcome import MarketInput, MarketOutcome, model_version, profile_market
from services.profile.domain.peers import Peers
from services.profile.domain.profiles import Rules

Row = Mapping[str, Any]
WHOLE_FROM = 0.3
"""From this share of changed retailers on, the whole market is profiled anew, with a new yardstick."""
WORN_FROM = 0.05
"""From this share of changed retailers on, a yardstick is worn."""
NO_CLOCK = -1


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a market stands: its cycle (-1 before its first order), its changes, and how many retailers it has."""

    cycle: int
    changes: int
    retailers: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which profiles are listed; None and empty mean all."""

    growth_type: str = ""
    is_key: bool | None = None
    account_manager: str = ""
    adcode: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a message brought with it: its trace."""

    trace_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Part:
    """A message: records of one kind, and what it brought with it."""

    message_id: str
    kind: str
    records: pl.DataFrame
    cause: Cause


class IntakeUnit(Protocol):
    """One transaction that takes in messages."""

    async def new_ones(self, consumer: str, message_ids: Sequence[str]) -> set[str]: ...
    async def take_lines(self, lines: pl.DataFrame, cards: pl.DataFrame, causes: pl.DataFrame) -> None: ...
    async def drop_lines(self, keys: pl.DataFrame, cause: Cause) -> None: ...
    async def take_cards(self, cards: pl.DataFrame, causes: pl.DataFrame) -> None: ...
    async def take_skus(self, facts: pl.DataFrame) -> None: ...


class RenewalUnit(Protocol):
    """One transaction that profiles anew."""

    async def try_lock(self, *, wait: bool = False) -> bool: ...
    async def take_stale(self, *, at_most: int | None) -> pl.DataFrame: ...
    async def markets_of(self, retailers: Sequence[str]) -> pl.DataFrame: ...
    async def clocks(self) -> dict[str, Clock]: ...
    async def market_input(self, market: str, cycle: int, retailers: Sequence[str] | None) -> MarketInput: ...
    async def kept(self, retailers: Sequence[str]) -> pl.DataFrame: ...
    async def save(self, profiles: pl.DataFrame, purchases: pl.DataFrame) -> None: ...
    async def override(self, retailer: str, *, is_key: bool | None, reason: str, set_by: str, at: datetime) -> None: ...


class Store(Protocol):
    def note_waiting(self, messages: int) -> None: ...
    def intake(self) -> AbstractAsyncContextManager[IntakeUnit]: ...
    def renewal(self) -> AbstractAsyncContextManager[RenewalUnit]: ...
    async def get(self, retailer: str) -> Row | None: ...
    async def purchases(self, retailer: str) -> pl.DataFrame: ...
    async def find(self, wanted: Filter, *, after: str, limit: int) -> list[Row]: ...
    async def count(self, wanted: Filter) -> int: ...
    async def labels(self, retailer: str) -> list[tuple[int, str]]: ...


async def take_in_records(store: Store, parts: Sequence[Part], *, consumer: str) -> None:
    """Takes in messages, each once, in one transaction: a repeated or older content of a line changes nothing."""
    async with store.intake() as unit:
        new = await unit.new_ones(consumer, [part.message_id for part in parts])
        fresh = [part for part in parts if part.message_id in new]
        for kind, alike in itertools.groupby(fresh, key=lambda part: part.kind):
            await _take(unit, kind, list(alike))


async def _take(unit: IntakeUnit, kind: str, parts: Sequence[Part]) -> None:
    kept = [_kept(kind, part.records) for part in parts]
    # Records of an older version of the schema lack its newest columns.
    records = pl.concat(kept, how="diagonal_relaxed")
    if kind == "sku":
        await unit.take_skus(sku_facts(records))
        return
    why = pl.concat(
        causes(each, trace_id=part.cause.trace_id, traceparent=part.cause.traceparent)
        for each, part in zip(kept, parts, strict=True)
    )
    if kind == "retailer":
        await unit.take_cards(retailer_cards(records), why)
        return
    await unit.take_lines(order_lines(records), cards_of_orders(records), why)
    for part in parts:
        gone = deleted_keys(part.records)
        if not gone.is_empty():
            await unit.drop_lines(gone, part.cause)


def _kept(kind: str, records: pl.DataFrame) -> pl.DataFrame:
    """Without the records that take back a shop or product, which keeps the profile of what it did."""
    if kind == "commercial_order" or "op" not in records.columns:
        return records
    return records.filter(pl.col("op").ne_missing("delete"))


@dataclass(slots=True)
class Yardsticks:
    """The peers of every market in memory, the state of the clock they were taken at, and how worn they are."""

    peers: dict[str, Peers] = field(default_factory=dict)
    taken_at: dict[str, Clock] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    def is_due(self, market: str, clock: Clock) -> bool:
        """Whether the market's clock moved, its SKUs changed, or many of its retailers did, since it was taken."""
        taken = self.taken_at.get(market)
        if clock.cycle == NO_CLOCK:
            return False
        if taken is None or (taken.cycle, taken.changes) != (clock.cycle, clock.changes):
            return True
        return self.changed.get(market, 0) > WORN_FROM * clock.retailers

    def wants_whole(self, market: str, clock: Clock, retailers: int) -> bool:
        """Whether so many changed retailers call for a new yardstick at once."""
        return market not in self.peers or retailers >= WHOLE_FROM * clock.retailers

    def note(self, market: str, clock: Clock, outcome: MarketOutcome, *, is_whole: bool) -> None:
        if outcome.peers is not None:
            self.peers[market] = outcome.peers
        if is_whole:
            self.taken_at[market] = clock
            self.changed[market] = 0
        else:
            self.changed[market] = self.changed.get(market, 0) + outcome.profiles.height


@dataclass(frozen=True, slots=True)
class Renewed:
    """What one round did; `is_busy` when another replica was at it."""

    stale: int = 0
    changed: int = 0
    seconds: float = 0.0
    is_busy: bool = False


Runner = Callable[..., Awaitable[MarketOutcome]]


@dataclass(frozen=True, slots=True)
class Renewer:
    """Profiles anew what changed. `run` takes heavy work off the event loop; `now` is the wall clock."""

    store: Store
    rules: Rules
    yardsticks: Yardsticks
    run: Runner
    now: Callable[[], datetime]

    async def renew_stale(self, *, at_most: int | None = None) -> Renewed:
        """Profiles the retailers that changed, and whole markets where most did; nothing if more than `at_most` did."""
        started = time.monotonic()
        async with self.store.renewal() as unit:
            if not await unit.try_lock():
                return Renewed(is_busy=True)
            stale = await unit.take_stale(at_most=at_most)
            if stale.is_empty():
                return Renewed()
            clocks = await unit.clocks()
            placed = await unit.markets_of(stale["retailer_code"].to_list())
            changed = 0
            for (name,), group in placed.group_by("market", maintain_order=True):
                market, codes = str(name), group["retailer_code"].to_list()
                whole = self.yardsticks.wants_whole(market, clocks[market], len(codes))
                changed += await self._profile(unit, market, clocks[market], None if whole else codes, stale)
        return Renewed(stale.height, changed, time.monotonic() - started)

    async def renew_markets(self) -> Renewed:
        """Takes new yardsticks where they are due; only profiles that come out differently are told of."""
        started = time.monotonic()
        changed = 0
        async with self.store.renewal() as unit:
            if not await unit.try_lock():
                return Renewed(is_busy=True)
            nothing = causes(pl.DataFrame({"retailer_code": []}), trace_id="", traceparent="")
            for market, clock in sorted((await unit.clocks()).items()):
                if self.yardsticks.is_due(market, clock):
                    changed += await self._profile(unit, market, clock, None, nothing)
        return Renewed(0, changed, time.monotonic() - started)

    async def set_key(self, retailer: str, *, is_key: bool | None, reason: str, set_by: str, why: Cause) -> None:
        """Keeps or takes back a person's flag and profiles the retailer anew."""
        async with self.store.renewal() as unit:
            await unit.try_lock(wait=True)
            placed = await unit.markets_of([retailer])
            if placed.is_empty():
                raise _unknown(retailer)
            market = placed["market"][0]
            await unit.override(retailer, is_key=is_key, reason=reason, set_by=set_by, at=self.now())
            stale = causes(
                pl.DataFrame({"retailer_code": [retailer], "occurred_at": [self.now()]}),
                trace_id=why.trace_id,
                traceparent=why.traceparent,
            )
            clock = (await unit.clocks())[market]
            whole = market not in self.yardsticks.peers
            await self._profile(unit, market, clock, None if whole else [retailer], stale)

    def forget(self) -> None:
        """Forgets all yardsticks: a round that broke off may have taken them for profiles that were not kept."""
        for each in (self.yardsticks.peers, self.yardsticks.taken_at, self.yardsticks.changed):
            each.clear()

    async def _profile(
        self, unit: RenewalUnit, market: str, clock: Clock, codes: Sequence[str] | None, stale: pl.DataFrame
    ) -> int:
        given = await unit.market_input(market, clock.cycle, codes)
        outcome = await self.run(profile_market, given, self.yardsticks.peers.get(market), self.rules)
        kept = await unit.kept(outcome.profiles["retailer_code"].to_list())
        changed = changed_profiles(outcome.profiles, kept, stale).with_columns(
            model_version=pl.lit(model_version(self.rules)), changed_at=pl.lit(self.now())
        )
        if not changed.is_empty():
            bought = outcome.purchases.join(changed, on="retailer_code", how="semi", maintain_order="left")
            await unit.save(changed, bought)
        self.yardsticks.note(market, clock, outcome, is_whole=codes is None)
        return changed.height


def changed_profiles(profiles: pl.DataFrame, kept: pl.DataFrame, stale: pl.DataFrame) -> pl.DataFrame:
    """The profiles whose content differs from what is kept, one revision on, with the cause of the change.

    A profile that changed because its peers did keeps the cause of its own last change.
    """
    joined = profiles.join(kept, on="retailer_code", how="left", maintain_order="left").join(
        stale, on="retailer_code", how="left", maintain_order="left"
    )
    differs = joined.filter(pl.col("kept_content").ne_missing(pl.col("content")))
    return differs.with_columns(
        revision=pl.col("revision").fill_null(0) + 1,
        trace_id=pl.coalesce("trace_id", "kept_trace_id", pl.lit("")),
        occurred_at=pl.max_horizontal("occurred_at", "kept_occurred_at"),
        traceparent=pl.col("traceparent").fill_null(""),
    ).select(*profiles.columns, "revision", "trace_id", "occurred_at", "traceparent")


async def get_profile(store: Store, retailer: str) -> tuple[Row, pl.DataFrame]:
    """A retailer's profile and its purchase summary. NotFound when nobody told of the retailer."""
    row = await store.get(retailer)
    if row is None:
        raise _unknown(retailer)
    return row, await store.purchases(retailer)


async def list_profiles(
    store: Store, wanted: Filter, *, after: str, limit: int, with_total: bool
) -> tuple[list[Row], str, int | None]:
    """A page of profiles by retailer code, the cursor of the next page, and the number of all if asked for."""
    found = await store.find(wanted, after=after, limit=limit + 1)
    cursor = found[limit - 1]["retailer_code"] if len(found) > limit else ""
    return found[:limit], cursor, await store.count(wanted) if with_total else None


async def explain_profile(
    store: Store, retailer: str, rules: Rules
) -> tuple[list[Explanation], str, list[tuple[int, str]]]:
    """Why the profile says what it says, the version of the rules, and earlier growth types, newest first."""
    row = await store.get(retailer)
    if row is None:
        raise _unknown(retailer)
    return explain(standing(row), rules), row["model_version"], await store.labels(retailer)


async def set_key_flag(
    renewer: Renewer, retailer: str, *, is_key: bool | None, reason: str, set_by: str, why: Cause
) -> tuple[Row, pl.DataFrame]:
    """Sets the key flag by hand, or takes it back (None). Invalid without a reason for setting it."""
    if is_key is not None and not reason.strip():
        raise Invalid("say why", errors=[Problem("/reason", "required", "a flag set by hand needs a reason")])
    await renewer.set_key(retailer, is_key=is_key, reason=reason.strip(), set_by=set_by, why=why)
    return await get_profile(renewer.store, retailer)


def standing(row: Row) -> Standing:
    """The figures of a profile that its labels were read from."""
    override = Override(row["is_key"], row["override_reason"], row["override_by"]) if row["is_overridden"] else None
    return Standing(
        cycle=row["cycle"],
        growth_type=row["growth_type"],
        growth_rule=row["growth_rule"],
        growth=next((value for name, value in row["features"].items() if name.startswith("growth_")), None),
        growth_reason=row["growth_reason"],
        tier_rank=row["tier_rank"] or 0.0,
        tier_basis=row["tier_basis"],
        score=row["score"],
        score_gap=row["score_gap"],
        is_key=row["is_key"],
        parts={name: row[f"part_{name}"] for name in PARTS},
        peer_retailers=row["peer_retailers"],
        override=override,
    )


def _unknown(retailer: str) -> NotFound:
    return NotFound(f"no record told of retailer {retailer}", code="retailer_not_found")
