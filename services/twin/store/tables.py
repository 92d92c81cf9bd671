"""What the twin service keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.outbox import inbox_table, outbox_table
from services.twin.domain.inputs import Held
from services.twin.domain.twins import Change, Json, Origin, Relation, Twin
from services.twin.wire import json_text

SCHEMA = "twin"
_decoded = msgspec.json.decode
CONNECTIONS: dict[str, Any] = {
    # Two lanes of writes, two of reads, and whoever looks after indexes; their few statements are planned once.
    "drivers": 5,
    "driver_settings": {"plan_cache_mode": "force_generic_plan"},
}
"""How the twin service connects, beside how often."""


class Base(SQLModel, registry=registry(metadata=sa.MetaData(schema=SCHEMA))):
    """Registry of this service's tables."""


def _time() -> Any:
    return Field(sa_type=sa.DateTime(timezone=True))


def _json() -> Any:
    return Field(sa_type=JSONB)


class Unsearched(sa.types.TypeDecorator[Any]):
    """JSON that no search looks into: kept as the text it came as, which costs nothing to write and to read."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # as SQLAlchemy calls it
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002  # as above
        return None if value is None else _decoded(value)


class TwinRow(Base, table=True):
    """The newest state of each twin; revision 0 marks a row that only holds the lock of a twin to be."""

    __tablename__ = "twin"

    id: str = Field(primary_key=True)
    model: str = Field(index=True)
    revision: int = Field(sa_type=sa.BigInteger)
    properties: Json = _json()
    desired: Json = _json()
    relations: list[dict[str, str]] = _json()
    inputs: Json = Field(sa_type=Unsearched)
    changed_at: datetime = _time()
    known_at: datetime = _time()
    source: str
    trace_id: str
    deleted: bool = False
    model_version: str = ""
    """The version of its type that a migration brought it to last."""


class RelationRow(Base, table=True):
    """The relations of living twins, as searches follow them."""

    __tablename__ = "relation"

    id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    target: str = Field(primary_key=True)


class JournalRow(Base, table=True):
    """Every statement of every twin: what it changed as a merge patch, and what it said where that is more."""

    __tablename__ = "journal"

    id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=sa.BigInteger)
    patch: Json = Field(sa_type=Unsearched)
    said: Json | None = Field(default=None, sa_type=Unsearched)
    late: bool = False
    behind: bool = False
    """Whether a line before it tells of a later time."""
    changed_at: datetime = _time()
    known_at: datetime = _time()
    source: str
    trace_id: str


class RegistryRow(Base, table=True):
    """One row, whose stamp grows with every change of the types: a process sees by it that it knows old ones."""

    __tablename__ = "registry"

    id: int = Field(primary_key=True)
    stamp: int = Field(sa_type=sa.BigInteger)


class ModelRow(Base, table=True):
    """Every version of every type that was added to those we ship."""

    __tablename__ = "model"

    dtmi: str = Field(primary_key=True)
    name: str
    dtdl: str
    state: str
    created_at: datetime = _time()
    created_by: str


class MigrationRow(Base, table=True):
    """Migrations of twins to a new version of their type."""

    __tablename__ = "model_migration"

    id: str = Field(primary_key=True)
    name: str = Field(index=True)
    before_dtmi: str
    after_dtmi: str
    steps: list[Json] = _json()
    state: str
    twins: int = Field(sa_type=sa.BigInteger)
    moved: int = Field(sa_type=sa.BigInteger)
    changed: int = Field(sa_type=sa.BigInteger)
    misfits: int = Field(sa_type=sa.BigInteger)
    first_misfits: list[Json] = _json()
    place: str
    created_at: datetime = _time()
    created_by: str
    ended_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


class SnapshotRow(Base, table=True):
    """The whole state of a twin at some of its revisions, to tell the past from."""

    __tablename__ = "snapshot"

    id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_type=sa.BigInteger)
    state: Json = Field(sa_type=Unsearched)
    changed_at: datetime = _time()
    known_at: datetime = _time()
    source: str
    trace_id: str


class SaleRow(Base, table=True):
    """The newest sale of each product in each region, by grain of the report."""

    __tablename__ = "sale"

    adcode: str = Field(primary_key=True)
    org_code: str = Field(primary_key=True)
    sku_code: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    biz_date: datetime = Field(sa_type=sa.Date)
    qty_base: int = Field(sa_type=sa.BigInteger)
    amount: float | None = Field(default=None, sa_type=sa.Numeric(14, 2))
    currency: str | None = None


class FusionRuleRow(Base, table=True):
    """Every version of every fusion rule; an absent rule takes the one before back."""

    __tablename__ = "fusion_rule"

    model: str = Field(primary_key=True)
    property: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    rule: Json | None = Field(sa_type=JSONB)
    known_at: datetime = _time()
    set_by: str
    applied_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


INBOX = inbox_table(Base.metadata)
OUTBOX = outbox_table(Base.metadata)
TWIN = TwinRow.__table__  # type: ignore[attr-defined]  # set by SQLModel
RELATION = RelationRow.__table__  # type: ignore[attr-defined]  # as above
JOURNAL = JournalRow.__table__  # type: ignore[attr-defined]  # as above
REGISTRY = RegistryRow.__table__  # type: ignore[attr-defined]  # as above
MODEL = ModelRow.__table__  # type: ignore[attr-defined]  # as above
MIGRATION = MigrationRow.__table__  # type: ignore[attr-defined]  # as above
SNAPSHOT = SnapshotRow.__table__  # type: ignore[attr-defined]  # as above
SALE = SaleRow.__table__  # type: ignore[attr-defined]  # as above
FUSION_RULE = FusionRuleRow.__table__  # type: ignore[attr-defined]  # as above


def shown_columns(twin: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """What is read of a twin to show it: all but what it is made of."""
    return [column for column in twin.c if column.name not in ("inputs", "model_version")]


def row_of(record: asyncpg.Record) -> Any:
    """A row as the driver has it, read like one of the layers above."""
    return SimpleNamespace(**dict(record))


def is_one_of(column: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.cast(list(values), sa.ARRAY(sa.Text)))


def origin_of(row: sa.Row[Any]) -> Origin:
    return Origin.of(row.changed_at, row.known_at, row.source, row.trace_id)


def twin_of(row: sa.Row[Any]) -> Twin:
    """A row as it is shown; what the twin is made of is left out."""
    return Twin(
        id=row.id,
        model=row.model,
        revision=row.revision,
        properties=row.properties,
        desired=row.desired,
        # Kept as they were written: sorted, each once.
        relations=tuple([Relation(each["name"], each["target"]) for each in row.relations]),
        origin=origin_of(row),
        deleted=row.deleted,
    )


ORIGIN = """(extract(epoch FROM changed_at) * 1000000)::bigint, (extract(epoch FROM known_at) * 1000000)::bigint,
    source, trace_id"""
"""What `Origin` is made of."""
WHOLE = f"""id, model, revision, properties::text, desired::text, relations::text, inputs,
    {ORIGIN}, deleted"""
"""What `wholes_of` reads of a twin."""
EDGES = msgspec.json.Decoder(tuple[Relation, ...])
"""Relations as they were written: sorted, each once."""
_OBJECTS = msgspec.json.Decoder(list[Json])
_ALL_EDGES = msgspec.json.Decoder(list[tuple[Relation, ...]])
_ALL_INPUTS = msgspec.json.Decoder(list[dict[str, tuple[Held, ...]]])


def wholes_of(records: Sequence[asyncpg.Record]) -> list[Twin]:
    """Twins and what they are made of, from the first columns of rows as the driver has them."""
    if not records:
        return []
    ids, models, revisions, properties, desired, relations, inputs, *origins, deleted = list(
        zip(*records, strict=True)
    )[:12]
    parts = (
        _OBJECTS.decode(_listed(properties)),
        _OBJECTS.decode(_listed(desired)),
        _ALL_EDGES.decode(_listed(relations)),
        map(Origin, *origins),
        _ALL_INPUTS.decode(_listed(inputs)),
    )
    return list(map(Twin, ids, models, revisions, *parts, deleted))


def _listed(texts: Sequence[str]) -> str:
    """JSON texts as one, which is read in one go."""
    return f"[{','.join(texts)}]"


def change_of(row: sa.Row[Any]) -> Change:
    return Change(row.revision, row.patch, origin_of(row), row.said, row.late)
