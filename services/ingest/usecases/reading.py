"""Questions to the book of records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType

from chassis.errors import Invalid, NotFound, Problem
from services.ingest.domain.cleaning.batch import TRADE_ZONE
from services.ingest.domain.cleaning.mapping import Mapping as SourceMapping
from services.ingest.domain.keeping import completeness
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.known.regions import Regions
from services.ingest.domain.schemas.fields import FieldType, Kind
from services.ingest.usecases.days import day_asked
from services.ingest.usecases.ports import Balance, ConnectionSeen, Filter, Page, SourceSeen, Store, Totals
from services.ingest.usecases.taking_in import known_kind

MAX_PAGE = 10_000
DEFAULT_PAGE = 100
COMPARED = (
    FieldType.CODE,
    FieldType.CHOICE,
    FieldType.FLAG,
    FieldType.UNIT,
    FieldType.WEEK,
    FieldType.INTEGER,
    FieldType.DATE,
)
ENVELOPE_FILTERS = ("record_id", "batch_id", "quality_status")
WHOLE = re.compile(r"-?[0-9]{1,18}")


def booked_kind(name: str) -> Kind:
    """The kind of that name whose records are in the book; raises NotFound, and Invalid for samples of sensors."""
    kind = known_kind(name)
    if not kind.in_book:
        message = "single records of this kind are not in the book; ask for its aggregates"
        raise Invalid(f"{name} is not in the book of records", errors=[Problem("", "kind", message)])
    return kind


def wanted_records(
    regions: Regions,
    kind: str,
    *,
    place: str = "",
    days: tuple[str, str] = ("", ""),
    further: Mapping[str, str] = MappingProxyType({}),
    **equal: str,
) -> Filter:
    """A filter on one kind; `equal` has retailer, product, source and order_no, an empty text does not filter.

    `further` has other fields of the kind and what they must equal. Raises Invalid for a day that is none and for a
    filter that the kind does not have.
    """
    if any("\0" in value for value in (place, *equal.values(), *further.values())):
        raise Invalid("a filter holds a null character", errors=[Problem("", "filter", "leave out null characters")])
    wanted = Filter(
        kind=booked_kind(kind),
        places=tuple(regions.below(place)) if place else (),
        from_date=day_asked(days[0]),
        to_date=day_asked(days[1]),
        equal=tuple((name, _value(booked_kind(kind), name, text)) for name, text in further.items()),
        **equal,
    )
    needed = {
        "retailer_code": wanted.retailer,
        "sku_code": wanted.product,
        "adcode": place,
        "order_no": wanted.order_no,
    }
    for field, value in needed.items():
        if value and wanted.kind.field(field) is None:
            raise Invalid(f"{kind} has no {field} to filter by", errors=[Problem("", "filter", f"leave out {field}")])
    return wanted


def _value(kind: Kind, name: str, text: str) -> str | int | bool | date:
    """What a field is compared with; raises Invalid for a field that cannot be, or a value that it never has."""
    field = kind.field(name)
    type_ = FieldType.CODE if name in ENVELOPE_FILTERS else field.type if field is not None and field.stored else None
    if type_ not in COMPARED:
        message = f"filter by a code, a choice, a flag, a day or a whole number of {kind.name}"
        raise Invalid(f"{kind.name} cannot be filtered by this", errors=[Problem("/equal", "not_comparable", message)])
    if type_ is FieldType.FLAG and text in ("true", "false"):
        return text == "true"
    if type_ is FieldType.INTEGER and WHOLE.fullmatch(text):
        return int(text)
    if type_ is FieldType.DATE:
        return day_asked(text) or date.min
    is_text = type_ not in (FieldType.FLAG, FieldType.INTEGER)
    if is_text and (field is None or not field.values or text in field.values):
        return text
    what = ", ".join(field.values) if field is not None and field.values else "true, false or a whole number"
    raise Invalid(f"{name} never has this value", errors=[Problem("/equal", "no_such_value", f"use {what}")])


async def find_records(store: Store, wanted: Filter, *, page_size: int, cursor: str, with_total: bool) -> Page:
    """A page of records, oldest business date first."""
    return await store.page(
        wanted, limit=min(page_size or DEFAULT_PAGE, MAX_PAGE), cursor=cursor, with_total=with_total
    )


async def get_record(store: Store, kind: str, key: str) -> str:
    """One record with its envelope as JSON text; raises NotFound."""
    found = await store.record(booked_kind(kind), key.replace("\0", ""))
    if found is None:
        raise NotFound(f"the book has no {kind} of that key")
    return found


async def get_statistics(store: Store, wanted: Filter, group_by: Sequence[str], measure: str) -> Totals:
    """Totals of a measure, grouped; raises Invalid for a field that cannot be grouped by or summed."""
    return await store.totals(wanted, group_by, measure)


def list_kinds() -> list[Kind]:
    """All kinds, by name."""
    return list(KINDS.values())


async def list_balances(store: Store) -> list[Balance]:
    """The balance of every source and kind."""
    return await store.balances()


async def list_sources(
    store: Store, mappings: dict[tuple[str, str], SourceMapping], connections: Sequence[str] = (), *, now: datetime
) -> list[SourceSeen]:
    """Sources that are configured or have sent, by name, with how the named connections go and what days lack."""
    partial = await _partial_days(store, now.astimezone(TRADE_ZONE).date())
    seen = {source.name: source for source in await store.sources()}
    connected: dict[str, list[ConnectionSeen]] = {}
    for connection in await store.connections(connections) if connections else ():
        connected.setdefault(connection.source, []).append(connection)
    mapped: dict[str, list[str]] = {}
    for source, kind in mappings:
        mapped.setdefault(source, []).append(kind)
    return [
        SourceSeen(
            name=name,
            mapped_kinds=tuple(sorted(mapped.get(name, ()))),
            newest=seen[name].newest if name in seen else None,
            last_seen_at=seen[name].last_seen_at if name in seen else None,
            received=seen[name].received if name in seen else 0,
            connections=tuple(connected.get(name, ())),
            partial_days=tuple(partial.get(name, ())),
            open_quarantine=seen[name].open_quarantine if name in seen else 0,
            lag_s=seen[name].lag_s if name in seen else None,
        )
        for name in sorted(seen.keys() | mapped.keys() | connected.keys())
    ]


async def _partial_days(store: Store, today: date) -> dict[str, list[date]]:
    """The partial days of each source (DQ-40), by the records of all its kinds."""
    counts: dict[str, Counter[date]] = {}
    for told in await store.days(source="", first=today - timedelta(days=completeness.DAYS), last=today):
        counts.setdefault(told.balance.source, Counter())[told.day] += told.balance.received
    return {source: completeness.partial_days(by_day, today) for source, by_day in counts.items()}
