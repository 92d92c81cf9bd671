"""Ranking anew what changed, and choosing which of it becomes a card."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import polars as pl

from services.recommend.domain.delivery import DeliveryRules, choose_cards
from services.recommend.domain.lists import ended, make_lists, settled, target_cycles
from services.recommend.domain.model import MarketModel, fit_market
from services.recommend.domain.rules import RankingRules
from services.recommend.usecases.ports import Clock, RankingUnit, Store

T = TypeVar("T")
WHOLE_FROM = 0.3
"""From this share of changed shops on, a market is learnt and ranked as a whole."""
WORN_FROM = 0.1
"""From this share of changed shops on, a model is worn and learnt anew when things are quiet."""
CARDS_PER_CYCLE = 2
"""Cards a retailer may get for one cycle: one from a bulk change, a second from a live one."""
SAVED_AT_ONCE = 2_000
"""Recommendations that are kept in one transaction: an answer to one of them waits for no more than these."""
KEPT_CYCLES = 12
"""How far back kept recommendations are looked at when a list is made."""


class Runner(Protocol):
    """Runs heavy work off the event loop."""

    def __call__(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> Coroutine[Any, Any, T]: ...


@dataclass(slots=True)
class Models:
    """The co-purchase model of every market in memory, and how worn it is."""

    models: dict[str, MarketModel] = field(default_factory=dict)
    ranked_at: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, set[str]] = field(default_factory=dict)
    """Shops that buy a product the model does not know yet: they are ranked again when it has learnt it."""

    def wants_whole(self, market: str, clock: Clock, shops: int) -> bool:
        return market not in self.models or shops >= WHOLE_FROM * clock.shops

    def is_worn(self, market: str, clock: Clock) -> bool:
        model = self.models.get(market)
        return model is not None and (
            model.cycle != clock.cycle
            or self.changed.get(market, 0) > WORN_FROM * clock.shops
            or bool(self.waiting.get(market))
        )


@dataclass(frozen=True, slots=True)
class RankSettings:
    """Rules and windows of the ranking; see the service's settings."""

    ranking: RankingRules
    delivery: DeliveryRules
    reject_cycles: int = 4
    rerank_cycles: int = 4


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one round did; `is_busy` when another replica was at it."""

    stale: int = 0
    changed: int = 0
    cards: int = 0
    seconds: float = 0.0
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks what changed. `run` takes heavy work off the event loop; `now` is the wall clock."""

    store: Store
    settings: RankSettings
    models: Models
    run: Runner
    now: Callable[[], datetime]

    async def rank_stale(self, *, live_only: bool = False) -> Ranked:
        """Makes the lists of changed shops anew; markets where most changed are learnt and ranked as a whole.

        With `live_only` only single changes are taken up, while a bulk change is still being gathered.
        """
        started = time.monotonic()
        changed = cards = 0
        async with self.store.ranking() as unit:
            if not await unit.try_lock():
                return Ranked(is_busy=True)
            stale = await unit.take_stale(live_only=live_only)
            if stale.is_empty():
                return Ranked()
            clocks = await unit.clocks()
            placed = await unit.markets_of(stale["retailer_code"].to_list())
            for (name,), group in placed.group_by("market", maintain_order=True):
                market, codes = str(name), group["retailer_code"].to_list()
                whole = self.models.wants_whole(market, clocks[market], len(codes))
                if whole:
                    stale = merged_causes(stale, await unit.take_stale_of(market))
                    await self._learn(unit, market, clocks[market])
                done = await self._rank(unit, market, clocks[market], None if whole else codes, stale)
                changed, cards = changed + done[0], cards + done[1]
        return Ranked(stale.height, changed, cards, time.monotonic() - started)

    async def refresh(self) -> Ranked:
        """Learns worn models anew; lists of shops that nothing was heard of follow every `rerank_cycles`."""
        started = time.monotonic()
        changed = cards = 0
        async with self.store.ranking() as unit:
            if not await unit.try_lock():
                return Ranked(is_busy=True)
            for market, clock in sorted((await unit.clocks()).items()):
                if not self.models.is_worn(market, clock):
                    continue
                waiting = sorted(self.models.waiting.get(market, ()))
                await self._learn(unit, market, clock)
                is_old = clock.cycle - self.models.ranked_at.get(market, clock.cycle) >= self.settings.rerank_cycles
                if is_old or waiting:
                    done = await self._rank(unit, market, clock, None if is_old else waiting, _no_causes())
                    changed, cards = changed + done[0], cards + done[1]
        return Ranked(0, changed, cards, time.monotonic() - started)

    def forget(self) -> None:
        """Forgets all models: a market is learnt and ranked as a whole when one of its shops changes next."""
        for each in (self.models.models, self.models.ranked_at, self.models.changed, self.models.waiting):
            each.clear()

    async def _learn(self, unit: RankingUnit, market: str, clock: Clock) -> None:
        purchases = await unit.market_purchases(market)
        classes = await unit.price_classes()
        self.models.models[market] = await self.run(
            fit_market, purchases, classes, market=market, cycle=clock.cycle, rules=self.settings.ranking
        )
        self.models.changed[market] = 0
        self.models.waiting.pop(market, None)

    async def _rank(
        self, unit: RankingUnit, market: str, clock: Clock, codes: Sequence[str] | None, stale: pl.DataFrame
    ) -> tuple[int, int]:
        """Returns how many recommendations changed and how many cards were queued."""
        at, model = self.now(), self.models.models[market]
        given = await unit.list_input(
            market, clock.cycle, codes, today=at.date().isoformat(), reject_cycles=self.settings.reject_cycles
        )
        retailers = given.shops["retailer_code"].to_list()
        lists = await self.run(make_lists, given, model, self.settings.ranking)
        kept = await unit.kept(retailers, clock.cycle - KEPT_CYCLES)
        changed = with_causes(settled(lists, kept), stale).with_columns(
            pl.col("created_at").fill_null(at), model_version=pl.lit(model.version), changed_at=pl.lit(at)
        )
        targets = target_cycles(given.shops, given.purchases, clock.cycle)
        left = with_causes(ended(lists, kept, targets, given.purchases), stale)
        await self._save(changed, left, at)
        if codes is None:
            self.models.ranked_at[market] = clock.cycle
        else:
            self.models.changed[market] = self.models.changed.get(market, 0) + len(retailers)
            unknown = given.purchases.filter(~pl.col("sku_code").is_in(list(model.rows)))
            self.models.waiting.setdefault(market, set()).update(unknown["retailer_code"])
        cards = await self._choose(unit, lists, kept, given.shops, stale)
        return changed.height + left.height, cards

    async def _save(self, changed: pl.DataFrame, left: pl.DataFrame, at: datetime) -> None:
        """Keeps what changed in transactions of its own, each short.

        The retailers stay stale until the round ends; one that breaks off is done again, and finds most of it kept.
        """
        for start in range(0, max(changed.height, left.height), SAVED_AT_ONCE):
            async with self.store.ranking() as unit:
                await unit.save(changed.slice(start, SAVED_AT_ONCE), left.slice(start, SAVED_AT_ONCE), at)

    async def _choose(
        self, unit: RankingUnit, lists: pl.DataFrame, kept: pl.DataFrame, shops: pl.DataFrame, stale: pl.DataFrame
    ) -> int:
        at = self.now()
        answered = kept.filter(~pl.col("state").is_in(["open", "withdrawn"])).select("id")
        open_ones = lists.join(answered, on="id", how="anti").join(
            shops.select("retailer_code", "is_key"), on="retailer_code", maintain_order="left"
        )
        caused = with_causes(open_ones, stale)
        carded = await unit.cards_of(shops["retailer_code"].to_list())
        per_cycle = carded.group_by("retailer_code", "cycle").len("cards")
        candidates = (
            caused.join(carded.select("id", had=pl.lit(True)), on="id", how="left", maintain_order="left")
            .join(per_cycle, on=["retailer_code", "cycle"], how="left", maintain_order="left")
            .with_columns(allowed=pl.when("is_live").then(CARDS_PER_CYCLE).otherwise(1))
            .with_columns(has_card=pl.col("had").fill_null(False) | (pl.col("cards").fill_null(0) >= pl.col("allowed")))
        )
        used = await unit.cards_today(at.replace(hour=0, minute=0, second=0, microsecond=0))
        chosen = choose_cards(candidates, used, self.settings.delivery)
        if not chosen.is_empty():
            cards = candidates.join(chosen.select("id"), on="id", how="semi")
            await unit.queue_cards(cards.select(*chosen.columns, "cycle", "traceparent"), at)
        return chosen.height


def with_causes(rows: pl.DataFrame, stale: pl.DataFrame) -> pl.DataFrame:
    """Add `trace_id, traceparent, is_live` of what made each retailer stale; empty where nothing did."""
    return rows.join(stale, on="retailer_code", how="left", maintain_order="left").with_columns(
        pl.col("trace_id", "traceparent").fill_null(""), pl.col("is_live").fill_null(False)
    )


def merged_causes(stale: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Causes of both, the first ones where a retailer has two."""
    return pl.concat([stale, more.select(stale.columns)]).unique("retailer_code", keep="first", maintain_order=True)


def _no_causes() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"retailer_code": pl.String, "is_live": pl.Boolean, "trace_id": pl.String, "traceparent": pl.String}
    )
