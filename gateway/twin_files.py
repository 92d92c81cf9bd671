"""Twins as files: those of one type as a table, those of any query line by line.

a type's contents ─▶ columns: id, properties, relations, where it comes from ─▶ CSV, workbook (gateway/exports.py)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, cast

import polars as pl
from fastapi import Response
from fastapi.responses import StreamingResponse

from chassis.errors import Invalid, Problem
from gateway.bodies import LINES_TYPE
from gateway.clients import Services
from gateway.exports import download
from gateway.views.twins import twin_text
from gateway.workbooks import Note
from marketwin.twin.v1 import service_pb2 as pb
from marketwin.twin.v1 import types_pb2

PAGE_TWINS = 1000
_RELATION = "relations/"
_KINDS: dict[str, pl.DataType] = {"integer": pl.Int64(), "number": pl.Float64(), "boolean": pl.Boolean()}


@dataclass(frozen=True, slots=True)
class _Page:
    frame: pl.DataFrame
    next_cursor: str


@dataclass(frozen=True, slots=True)
class _Column:
    note: Note
    kind: pl.DataType
    of: Callable[[types_pb2.Twin, dict[str, Any]], Any]
    """Its value in a twin, whose properties are read already."""


async def file_of(behind: Services, asked: pb.ListTwinsRequest, format: str) -> Response:
    """All twins of a query as a file; what is wrong with the question is said before the answer begins."""
    asked.page_size, asked.cursor = PAGE_TWINS, ""
    if format == "ndjson":
        return StreamingResponse(_lines(behind, asked, await behind.twin.ListTwins(asked)), media_type=LINES_TYPE)
    if not asked.model or asked.select:
        name, rule = ("model", "required") if not asked.model else ("select", "exclusive")
        problem = Problem(f"/query/{name}", rule, "a table has the columns of one type, which `model` names")
        raise Invalid("a table is of all that twins of one type have; ask for NDJSON", errors=[problem])
    columns = await _columns(behind, asked.model)

    async def fetch(cursor: str) -> _Page:
        asked.cursor = cursor
        page = await behind.twin.ListTwins(asked)
        return _Page(_frame(columns, page.twins), page.next_cursor)

    async def notes() -> list[Note]:
        return [column.note for column in columns]

    return await download(fetch, asked.model, format, notes)


async def _lines(behind: Services, asked: pb.ListTwinsRequest, first: pb.ListTwinsResponse) -> AsyncIterator[bytes]:
    page = first
    while True:
        yield "".join(f"{text}\n" for text in page.selected_json or map(twin_text, page.twins)).encode()
        if not page.next_cursor:
            return
        asked.cursor = page.next_cursor
        page = await behind.twin.ListTwins(asked)


async def _columns(behind: Services, model: str) -> list[_Column]:
    contents = json.loads((await behind.twin.GetModel(pb.GetModelRequest(name=model, language="zh"))).contents_json)
    properties = [_of_property(each) for each in contents if each["kind"] == "property"]
    relations = [_of_relation(each) for each in contents if each["kind"] == "relationship"]
    return [
        _Column(Note("id", "string", "", "编号 id"), pl.String(), lambda twin, _: twin.id),
        *properties,
        *relations,
        _Column(Note("source", "string", "", "来源 who said something last"), pl.String(), lambda twin, _: twin.source),
        _Column(
            Note("changed_at", "string", "", "变化时间 when it was so"), _TIME, lambda twin, _: _at(twin.changed_at)
        ),
        _Column(
            Note("known_at", "string", "", "获知时间 when it was learnt"), _TIME, lambda twin, _: _at(twin.known_at)
        ),
        _Column(Note("revision", "integer", "", "版本 revision"), pl.Int64(), lambda twin, _: twin.revision),
    ]


_TIME = pl.Datetime("us", "UTC")


def _at(stamp: Any) -> Any:
    return stamp.ToDatetime(UTC)


def _of_property(told: dict[str, Any]) -> _Column:
    name, type_ = told["name"], str(told["schema"].get("type", ""))
    note = Note(name, type_, told["unit"] or "", _meaning(told))
    return _Column(note, _KINDS.get(type_, pl.String()), lambda _, properties: properties.get(name))


def _of_relation(told: dict[str, Any]) -> _Column:
    name = told["name"]

    def targets(twin: types_pb2.Twin, _: object) -> str | None:
        return " ".join(each.target for each in twin.relations if each.name == name) or None

    return _Column(Note(_RELATION + name, "string", "", _meaning(told)), pl.String(), targets)


def _meaning(told: dict[str, Any]) -> str:
    return "：".join(text for text in (told["display_name"], told["description"]) if text)


def _frame(columns: Sequence[_Column], twins: Sequence[types_pb2.Twin]) -> pl.DataFrame:
    properties = [cast(dict[str, Any], json.loads(twin.properties_json)) for twin in twins]
    return pl.DataFrame(
        [
            _series(column, [column.of(twin, known) for twin, known in zip(twins, properties, strict=True)])
            for column in columns
        ]
    )


def _series(column: _Column, values: list[Any]) -> pl.Series:
    try:
        return pl.Series(column.note.name, values, dtype=column.kind, strict=True)
    except (TypeError, OverflowError):
        # What is composed, and what a type said otherwise when it was written, is told as it is.
        texts = [each if isinstance(each, str | None) else json.dumps(each, ensure_ascii=False) for each in values]
        return pl.Series(column.note.name, texts, dtype=pl.String())
