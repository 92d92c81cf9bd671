"""What the door must know of master data when it starts: the book, and versions of products that held on other days."""

from __future__ import annotations

import polars as pl

from chassis.db import Database, pull_frame
from services.ingest.domain.known import stocks
from services.ingest.domain.known.directory import Directory
from services.ingest.store.tables import BOOKS, SUPERSEDED

_SQL_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "text",
    pl.Int64: "bigint",
    pl.Float64: "double precision",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


async def fill(db: Database, directory: Directory) -> None:
    """Puts the master data of the book into the directory."""
    for kind in directory.kinds:
        register = directory.register(kind)
        if register is not None:
            statement = f"SELECT {', '.join(register.columns)} FROM {BOOKS[kind].fullname}"
            async with db.transaction() as session:
                rows = await pull_frame(session, statement, register.columns)
            directory.put(kind, rows)
    await _fill_former_products(db, directory)
    newest = "org_code, sku_code, biz_date, stock_base"
    statement = (
        f"SELECT DISTINCT ON (org_code, sku_code) {newest} FROM {BOOKS['commercial_stock'].fullname} "
        "ORDER BY org_code, sku_code, biz_date DESC"
    )
    async with db.transaction() as session:
        directory.put("commercial_stock", await pull_frame(session, statement, stocks.SCHEMA))


async def _fill_former_products(db: Database, directory: Directory) -> None:
    columns = directory.sku.columns
    values = [f"(record ->> '{name}')::{_SQL_TYPES[type(dtype)]} AS {name}" for name, dtype in columns.items()]
    statement = f"SELECT {', '.join(values)} FROM {SUPERSEDED.fullname} WHERE kind = 'sku' AND record ? 'valid_from'"
    async with db.transaction() as session:
        directory.put("sku", await pull_frame(session, statement, columns))
