"""Reading the book of records: pages, single records and totals."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database, pull_frame
from chassis.errors import Invalid, Problem
from services.ingest.domain.schemas.fields import FieldType, Kind
from services.ingest.domain.schemas.schema import polars_schema
from services.ingest.store.tables import BOOKS
from services.ingest.usecases import Filter, Page, Totals

NAMED = {"retailer": "retailer_code", "product": "sku_code", "sku": "sku_code", "place": "adcode"}
PERIODS = ("day", "week", "month", "quarter", "year")
GROUPED_TYPES = (
    FieldType.CODE,
    FieldType.CHOICE,
    FieldType.FLAG,
    FieldType.UNIT,
    FieldType.INTEGER,
    FieldType.WEEK,
    FieldType.DATE,
)
MONEY_SUM = pl.Decimal(38, 2)
MEASURE_SUM = pl.Decimal(38, 3)
MAX_GROUPS = 100_000
PAGE_BYTES = 16 << 20
"""Of a page in memory: half of what a message may hold."""


async def page(db: Database, wanted: Filter, *, limit: int, cursor: str, with_total: bool) -> Page:
    """Records in order of business date and key, after the cursor; fewer than `limit` where they are long."""
    book = BOOKS[wanted.kind.name]
    conditions = _conditions(book, wanted)
    after = [*conditions, *_after(book, cursor)]
    columns = [_selected(column) for column in book.c]
    statement = sa.select(*columns).where(*after).order_by(book.c.biz_date, book.c.record_key).limit(limit + 1)
    total = None
    async with db.transaction() as session:
        found = await _frame(session, wanted.kind, statement)
        if with_total:
            total = int(await session.scalar(sa.select(sa.func.count()).select_from(book).where(*conditions)) or 0)
    size = int(found.estimated_size())
    rows = min(limit, max(found.height * PAGE_BYTES // size, 1)) if size > PAGE_BYTES else limit
    return Page(found.head(rows), _cursor(found, rows - 1) if found.height > rows else "", total)


def _selected(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, JSONB):
        return sa.cast(column, sa.Text).label(column.name)
    return column


async def _frame(session: AsyncSession, kind: Kind, statement: sa.Select[Any]) -> pl.DataFrame:
    schema = polars_schema(kind)
    texts = {name: pl.String() if isinstance(dtype, pl.List) else dtype for name, dtype in schema.items()}
    compiled = statement.compile(session.get_bind())
    arguments = [compiled.params[name] for name in compiled.positiontup or ()]
    frame = await pull_frame(session, compiled.string, texts, *arguments)
    lists = [pl.col(name).str.json_decode(dtype) for name, dtype in schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(lists)


def _conditions(book: sa.Table, wanted: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    equal = {
        "retailer_code": wanted.retailer,
        "sku_code": wanted.product,
        "order_no": wanted.order_no,
        "source": wanted.source,
    }
    conditions += [book.c[name] == value for name, value in equal.items() if value]
    conditions += [book.c[name] == value for name, value in wanted.equal]
    if wanted.places:
        conditions.append(_within(book, wanted.places))
    if wanted.from_date:
        conditions.append(book.c.biz_date >= wanted.from_date)
    if wanted.to_date:
        conditions.append(book.c.biz_date <= wanted.to_date)
    return conditions


def _within(book: sa.Table, places: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """In one of the regions; a Chinese code also stands for the codes below it, which its digits begin."""
    codes = sa.bindparam("places", list(places), type_=sa.ARRAY(sa.Text))
    inside: sa.ColumnElement[bool] = book.c.adcode == sa.any_(codes)
    first = places[0]
    if len(first) == 6 and first.isdigit() and first.endswith("00"):
        stem = first[:2] if first.endswith("0000") else first[:4]
        inside = sa.or_(inside, book.c.adcode.startswith(stem, autoescape=True))
    return inside


def _after(book: sa.Table, cursor: str) -> list[sa.ColumnElement[bool]]:
    if not cursor:
        return []
    try:
        day, key = json.loads(base64.urlsafe_b64decode(cursor))
        place = sa.tuple_(sa.literal(date.fromisoformat(day)), sa.literal(str(key)))
    except (ValueError, TypeError, binascii.Error):
        message = "use the cursor as the previous page gave it"
        raise Invalid("the cursor is not valid", errors=[Problem("", "cursor", message)]) from None
    return [sa.tuple_(book.c.biz_date, book.c.record_key) > place]


def _cursor(frame: pl.DataFrame, row: int) -> str:
    place = [frame.item(row, "biz_date").isoformat(), frame.item(row, "record_key")]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


async def record(db: Database, kind: Kind, key: str) -> str | None:
    """One record with its envelope as JSON text: money as decimal text, times as RFC 3339."""
    book = BOOKS[kind.name]
    async with db.transaction() as session:
        row = (await session.execute(sa.select(book).where(book.c.record_key == key))).mappings().first()
    if row is None:
        return None
    return json.dumps({"kind": kind.name, **row}, default=_printed, ensure_ascii=False)


def _printed(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


async def totals(db: Database, wanted: Filter, group_by: Sequence[str], measure: str) -> Totals:
    """Number of records and sum of a measure by group, in the order of the groups."""
    book = BOOKS[wanted.kind.name]
    groups = [_group(book, wanted.kind, name).label(name) for name in dict.fromkeys(group_by)]
    value, dtype = _measure(book, wanted.kind, measure)
    places = [sa.text(str(place + 1)) for place in range(len(groups))]
    statement = (
        sa.select(*groups, sa.func.count().label("records"), value.label("value"))
        .select_from(book)
        .where(*_conditions(book, wanted))
        .group_by(*places)
        .order_by(*places)
        .limit(MAX_GROUPS)
    )
    async with db.transaction() as session:
        rows = (await session.execute(statement)).fetchall()
        unit = await _unit(session, book, wanted, measure)
    names = [*(group.name for group in groups), "records", "value"]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    known: dict[str, pl.DataType] = {"records": pl.Int64(), "value": dtype}
    series = [pl.Series(name, list(values), dtype=known.get(name)) for name, values in zip(names, columns, strict=True)]
    return Totals(pl.DataFrame(series), unit)


def _group(book: sa.Table, kind: Kind, name: str) -> sa.ColumnElement[Any]:
    if name in PERIODS and kind.field(name) is None:
        return sa.cast(sa.func.date_trunc(name, sa.cast(book.c.biz_date, sa.DateTime)), sa.Date)
    if name in ("source", "biz_date", "quality_status"):
        return book.c[name]
    column = NAMED.get(name, name)
    field = kind.field(column)
    if field is None or not field.stored or field.type not in GROUPED_TYPES:
        message = "group by retailer, product, place, day, week, month, quarter, year, source or a code of the kind"
        raise Invalid(f"{kind.name} cannot be grouped by this", errors=[Problem("", "group_by", message)])
    return book.c[column]


def _measure(book: sa.Table, kind: Kind, measure: str) -> tuple[sa.ColumnElement[Any], pl.DataType]:
    field = kind.field(measure)
    if measure in ("", "count"):
        return sa.func.count(), pl.Int64()
    sums: dict[FieldType, pl.DataType] = {
        FieldType.MONEY: MONEY_SUM,
        FieldType.MEASURE: MEASURE_SUM,
        FieldType.QUANTITY: pl.Int64(),
        FieldType.INTEGER: pl.Int64(),
        FieldType.NUMBER: pl.Float64(),
    }
    if field is None or not field.stored or field.type not in sums:
        raise Invalid(
            f"{kind.name} cannot be summed by this",
            errors=[Problem("", "measure", "count, or the name of a numeric field")],
        )
    dtype = sums[field.type]
    total = sa.func.coalesce(sa.func.sum(book.c[measure]), 0)
    return (sa.cast(total, sa.BigInteger) if dtype == pl.Int64() else total), dtype


async def _unit(session: AsyncSession, book: sa.Table, wanted: Filter, measure: str) -> str:
    """Unit of the value: record, the currency, the base unit; `mixed` when the records have several."""
    field = wanted.kind.field(measure)
    if field is None:
        return "record"
    if field.type is FieldType.MONEY:
        names = sa.select(book.c.currency).distinct().where(*_conditions(book, wanted)).limit(2)
    elif field.type is FieldType.QUANTITY:
        sku = BOOKS["sku"]
        codes = sa.select(book.c.sku_code).where(*_conditions(book, wanted))
        names = sa.select(sku.c.base_unit).distinct().where(sku.c.sku_code.in_(codes)).limit(2)
    else:
        return field.name
    found = [str(name) for name in (await session.scalars(names)).all() if name]
    return found[0] if len(found) == 1 else "mixed" if found else ""
