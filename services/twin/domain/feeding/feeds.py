"""What records say of twins, by the mapping files: a batch becomes sightings, whole columns at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import compress, repeat
from pathlib import Path
from typing import Any

import polars as pl
from msgspec import Struct, defstruct, to_builtins
from polars.lazyframe.opt_flags import QueryOptFlags

from chassis.documents import yaml_files
from services.twin.domain.feeding.compiling import DELETE, LONGEST_ID, Plan, plan
from services.twin.domain.feeding.reader import FeedFault, read_feed
from services.twin.domain.feeding.rules import Feed, FeedRule
from services.twin.domain.inputs import DELETED, micros
from services.twin.domain.statements import Sighting, Statement
from services.twin.domain.twins import Json, Origin
from services.twin.domain.types import TwinType, Types

SHIPPED = Path(__file__).parent / "feeds"
_MOST_PLANS, _MOST_KINDS = 1000, 8
_MOST_SPANS = 1_000_000
_WHO = ["id", "source", "at"]
_FEW = 64
_AS_EAGER = QueryOptFlags._eager()._pyoptflags


@dataclass(frozen=True, slots=True)
class Seen:
    """What records say; and of how many, by model, the model does not allow it."""

    sightings: list[Sighting] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    spans: list[tuple[int, dict[tuple[str, str], int]]] = field(default_factory=list)
    """By rule that says a thing at most once in a span: of which twin and source it was said, and in which span."""
    readings: list[Sighting] = field(default_factory=list)
    """All that such rules saw, said or not."""

    def with_more(self, more: Seen) -> Seen:
        sightings, readings = [*self.sightings, *more.sightings], [*self.readings, *more.readings]
        return Seen(sightings, self.left_out + more.left_out, [*self.spans, *more.spans], readings)


class Feeds:
    """The mappings of a process, by record kind."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._rules: dict[str, tuple[FeedRule, ...]] = {}
        self.silent: dict[str, str] = {}
        for feed in feeds:
            before = self._rules.get(feed.kind, ()) if feed.is_added else ()
            self._rules[feed.kind] = (*before, *feed.rules)
            self.silent.pop(feed.kind, None)
            if not self._rules[feed.kind]:
                self.silent[feed.kind] = feed.because
        self._reads = {id(rule): rule.reads for rules in self._rules.values() for rule in rules}
        self._plans: dict[Any, list[tuple[list[pl.DataType], Plan | None]]] = {}
        self._spans: dict[int, dict[tuple[str, str], int]] = {}

    @classmethod
    def load(cls, types: Types, folder: Path | None = None) -> Feeds:
        """The mappings that are shipped, and those of a customer; raises FeedFault for the first that is wrong."""
        shipped = [_read(path, types) for path in yaml_files(SHIPPED)]
        if folder is not None and not folder.is_dir():
            raise FeedFault(f"{folder}:1: TWIN_FEEDS must name a folder")
        own: dict[str, Feed] = {}
        added: list[Feed] = []
        for path in yaml_files(folder):
            feed = _read(path, types)
            if feed.is_added:
                added.append(feed)
            elif own.setdefault(feed.kind, feed) is not feed:
                raise FeedFault(f"{path.name}:1: there is another file for {feed.kind}; see `adds`")
        return cls([*shipped, *own.values(), *added])

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of records that say something of twins."""
        return tuple(kind for kind, rules in self._rules.items() if rules)

    def rules(self, kind: str) -> tuple[FeedRule, ...]:
        return self._rules.get(kind, ())

    def takes_every(self, kind: str) -> bool:
        """Whether each record of the kind is a statement of its own."""
        return any(rule.takes_every and not rule.totals for rule in self.rules(kind))

    def totals(self, kind: str) -> tuple[str, ...]:
        """The sums that the rules of a kind read in place of its records."""
        return tuple(dict.fromkeys(rule.totals for rule in self.rules(kind) if rule.totals))

    def read(self, kind: str, records: pl.DataFrame, known_at: datetime, types: Types, *, totals: str = "") -> Seen:
        """What records of a kind say, or sums of them; nothing for other kinds."""
        seen = Seen()
        for rule in self.rules(kind):
            if rule.totals == totals:
                self._apply(rule, records, known_at, types, seen)
                if rule.deletes:
                    self._apply(rule, records, known_at, types, seen, ends=True)
        return seen

    def note(self, seen: Seen) -> None:
        """Remembers what was said at most once in a span, when it is kept."""
        for rule, spans in seen.spans:
            known = self._spans.setdefault(rule, {})
            if len(known) > _MOST_SPANS:
                known.clear()
            known.update(spans)

    def _are_rare(self, rule: FeedRule, stated: pl.DataFrame, seen: Seen) -> list[bool]:
        """Of which nothing was said yet in its span of time, which begins with the clock."""
        known = self._spans.get(id(rule), {})
        # Columns have methods that are queries beneath: of few records each costs more than all else here.
        span_us = rule.at_most_s * 1_000_000
        spans = [at // span_us for at in _plain(stated, "at")]
        whose = list(zip(stated.get_column("id").to_list(), stated.get_column("source").to_list(), strict=True))
        is_new = [span > known.get(who, span - 1) for who, span in zip(whose, spans, strict=True)]
        fresh = {who: span for who, span, new in zip(whose, spans, is_new, strict=True) if new}
        seen.spans.append((id(rule), fresh))
        return is_new

    def _apply(
        self, rule: FeedRule, records: pl.DataFrame, known_at: datetime, types: Types, seen: Seen, *, ends: bool = False
    ) -> None:
        records = _columns_of(records, self._reads[id(rule)])
        known = self._plan(rule, types[rule.model], records)
        if known is None or records.is_empty():
            return
        meant = _those(records, _evaluated(records, [known.ends if ends else known.applies]).to_series())
        said = _evaluated(meant, known.said)
        fits = said.get_column("fits")
        if not all(_are_ids(said.get_column(name).to_list(), model) for name, model in known.ids):
            fits &= _evaluated(meant, [known.is_id]).to_series()
        fitting = _those(said, fits)
        if fitting.height < said.height:
            seen.left_out[rule.model] += said.height - fitting.height
        told = known.said_columns
        if told and not ends and all(fitting.get_column(name).null_count() for name in told):
            fitting = fitting.filter(pl.any_horizontal(pl.col(told).is_not_null()))
        if fitting.is_empty():
            return
        ordered = _in_time(fitting)
        stated = _joined(ordered if rule.takes_every else _newest(ordered, told))
        if ends:
            seen.sightings.extend(_endings(stated, known_at))
            return
        told_by: Iterable[Sighting] = _sightings(known, stated, known_at)
        if rule.at_most_s:
            told_by = list(told_by)
            seen.readings.extend([each for each in told_by if each.properties])
            told_by = compress(told_by, self._are_rare(rule, stated, seen))
        seen.sightings.extend(told_by)

    def _plan(self, rule: FeedRule, model: TwinType, records: pl.DataFrame) -> Plan | None:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        known = self._plans.setdefault((id(rule), model, *records.columns), [])
        kinds = records.dtypes
        # Types are compared sooner than hashed.
        for some, made in known:
            if some == kinds:
                return made
        known[_MOST_KINDS - 1 :] = []
        known.insert(0, (kinds, plan(rule, model, records.schema)))
        return known[0][1]


def _read(path: Path, types: Types) -> Feed:
    return read_feed(path.read_text(encoding="utf-8"), path.name, types)


def standing(records: pl.DataFrame) -> pl.DataFrame:
    """The records that say something, without those that only take back."""
    if "op" not in records.columns:
        return records
    takes_back = records.get_column("op") == DELETE
    return records.filter(~takes_back.fill_null(value=False)) if takes_back.any() else records


def _columns_of(records: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Those of the columns; a query over fewer costs less, whichever it asks for."""
    return pl.DataFrame._from_pydf(records._df.select([name for name in records.columns if name in names]))


def _evaluated(records: pl.DataFrame, expressions: Sequence[pl.Expr]) -> pl.DataFrame:
    """`select_seq` of the library beneath what its wrappers ask, which costs a lone record more than the query does;
    and `select` has a few records wait for other threads."""
    query = records._df.lazy().select_seq([each._pyexpr for each in expressions])
    return pl.DataFrame._from_pydf(query.with_optimizations(_AS_EAGER).collect("in-memory", None))


def _are_ids(ids: Sequence[str | None], model: str) -> bool:
    """Whether all of these are ids of twins of a model, by one look at them together; False where it takes another."""
    told, prefix = [each for each in ids if each], f"{model}:"
    whole = "".join(told)
    is_clean = whole.isprintable() and not any(mark in whole for mark in " /?#")
    return is_clean and prefix not in told and max(map(len, told), default=0) <= len(prefix) + LONGEST_ID


def _those(records: pl.DataFrame, meant: pl.Series) -> pl.DataFrame:
    """The records that are meant; nearly always they are all of them, and to look costs less than to filter."""
    return records if meant.all(ignore_nulls=False) else records.filter(meant)


def _in_time(said: pl.DataFrame) -> pl.DataFrame:
    return said if said.get_column("at").is_sorted() else said.sort("at", maintain_order=True)


def _newest(ordered: pl.DataFrame, told: Sequence[str]) -> pl.DataFrame:
    """Of each twin and source the newest record; and the newest that says something of a property the newest is silent
    about, so that a batch says what its records would say one by one."""
    who = ["id", "source"]
    if _are_few_apart(ordered, who):
        return ordered
    last = ordered.unique(who, keep="last", maintain_order=True)
    partly = [name for name in told if 0 < ordered.get_column(name).null_count() < ordered.height]
    if last.height == ordered.height or not partly:
        return last
    numbered = ordered.with_row_index("place")
    places = [numbered.unique(who, keep="last").get_column("place")]
    for name in partly:
        filled = numbered.filter(pl.col(name).is_not_null())
        places.append(filled.unique(who, keep="last").get_column("place"))
    return ordered[pl.concat(places).unique().sort()]


def _are_few_apart(stated: pl.DataFrame, who: Sequence[str]) -> bool:
    """Whether a few rows differ in these columns. Frames are grouped by other threads, whom to wake costs more."""
    size = stated.height
    if size == 1:
        return True
    return size <= _FEW and len(set(zip(*(_plain(stated, name) for name in who), strict=True))) == size


def _plain(stated: pl.DataFrame, name: str) -> list[Any]:
    """Times as microseconds since 1970."""
    values = stated.get_column(name)
    return (values.cast(pl.Int64) if name == "at" else values).to_list()


def _joined(stated: pl.DataFrame) -> pl.DataFrame:
    """One statement of what several records of a source say of a twin at one time, such as the lines of a document."""
    if _are_few_apart(stated, _WHO) or stated.select(_WHO).n_unique() == stated.height:
        return stated
    return stated.group_by(_WHO, maintain_order=True).agg(pl.all().drop_nulls().last())


def _endings(stated: pl.DataFrame, known_at: datetime) -> Iterator[Sighting]:
    ended = [Statement({DELETED: True}, origin, writes=True) for origin in _origins(stated, known_at)]
    return map(Sighting, stated.get_column("id").to_list(), ended)


def _sightings(known: Plan, stated: pl.DataFrame, known_at: datetime) -> Iterator[Sighting]:
    silences = {name: stated.get_column(name).null_count() for name in known.said_columns}
    told = {facet: column for facet, column in known.facets.items() if silences[column] < stated.height}
    columns = [_values(known, facet, stated.get_column(column)) for facet, column in told.items()]
    rows = map(_row_type(tuple(told)), *columns) if told else []
    said: list[Json] = to_builtins(list(rows)) or [{} for _ in range(stated.height)]
    if not all(said):
        said = [each or {DELETED: False} for each in said]
    statements = map(Statement, said, _origins(stated, known_at), stated.get_column("quality").to_list())
    return map(Sighting, stated.get_column("id").to_list(), statements)


@lru_cache(_MOST_PLANS)
def _row_type(facets: tuple[str, ...]) -> type[Struct]:
    """What becomes an object of those of the facets that are not None, in half the time that it takes to fill one."""
    names = {f"f{place}": facet for place, facet in enumerate(facets)}
    fields = [(name, object, None) for name in names]
    return defstruct("Row", fields, rename=names, omit_defaults=True, gc=False)


def _origins(stated: pl.DataFrame, known_at: datetime) -> Iterator[Origin]:
    # No method of a column that is a query beneath: a lone record pays 200 µs for each, in a thread it waits for.
    times = _plain(stated, "at")
    traces = [trace or "" for trace in stated.get_column("trace_id").to_list()]
    return map(Origin, times, repeat(micros(known_at)), stated.get_column("source").to_list(), traces)


def _values(known: Plan, facet: str, column: pl.Series) -> list[Any]:
    """What each row says of a facet; None where it says nothing."""
    values = column.to_list()
    if facet in known.lists:
        return [None if text is None else json.loads(text) for text in values]
    if model := known.link_lists.get(facet):
        return [None if text is None else _each(model, text) for text in values]
    if facet in known.links:
        # An empty text says that it leads nowhere any more.
        return [None if target is None else [target] if target else [] for target in values]
    return values


def _each(model: str, text: str) -> list[str]:
    return [f"{model}:{code}" for code in dict.fromkeys(json.loads(text or "[]"))]
