"""Whole columns into and out of single statements: for frames of some thousand rows, where COPY would cost a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "text",
    pl.Float64: "double precision",
    pl.Int64: "bigint",
    pl.Int32: "integer",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


def given(frame: pl.DataFrame) -> tuple[str, dict[str, Any]]:
    """SQL for a table `given` with the frame's columns, and its parameters.

    Columns travel as array literals: the driver would look at every element of a list several times.
    """
    arrays = [f"CAST(CAST(:{name}__ AS text) AS {_TYPES[kind.base_type()]}[])" for name, kind in frame.schema.items()]
    sql = f"unnest({', '.join(arrays)}) AS given({', '.join(frame.columns)})"
    return sql, {f"{name}__": _literal(frame[name]) for name in frame.columns}


def _literal(column: pl.Series) -> str:
    text = pl.col(column.name)
    if column.dtype == pl.String:
        escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        text = pl.concat_str(pl.lit('"'), escaped, pl.lit('"'))
    elif isinstance(column.dtype, pl.Datetime):
        text = text.dt.strftime('"%Y-%m-%d %H:%M:%S%.6f+00"')
    else:
        text = text.cast(pl.String)
    joined: str = column.to_frame().select(text.fill_null("NULL").str.join(",")).item()
    return f"{{{joined}}}"


async def put(session: AsyncSession, statement: str, frame: pl.DataFrame, **parameters: Any) -> int:
    """Runs a statement in which `{given}` stands for the frame; returns the number of rows it touched."""
    if frame.is_empty():
        return 0
    table, columns = given(frame)
    result = await session.execute(text(statement.format(given=table)), {**columns, **parameters})
    return int(getattr(result, "rowcount", 0))


async def fetch(
    session: AsyncSession, statement: str, schema: Schema, frame: pl.DataFrame | None = None, **parameters: Any
) -> pl.DataFrame:
    """The rows of a SELECT, in which `{given}` may stand for a frame, with the column types of `schema`."""
    if frame is not None and frame.is_empty():
        return pl.DataFrame(schema=dict(schema))
    table, columns = given(frame) if frame is not None else ("", {})
    statement = statement.format(given=table) if frame is not None else statement
    rows = (await session.execute(text(statement), {**columns, **parameters})).fetchall()
    return pl.DataFrame([tuple(row) for row in rows], schema=dict(schema), orient="row")
