"""Records as ingest publishes them, and what each says of twins."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
AT = "2026-03-01T08:00:00+00:00"
DAY = date(2026, 3, 2)
ENVELOPE = {"source": "test", "occurred_at": NOW, "biz_date": DAY, "op": "upsert", "quality_status": "ok"}

Said = dict[str, tuple[dict[str, Any], dict[str, Any]]]
"""By id of the twin: its properties and relations."""


def records(kind: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Records of a kind with all the columns that they have in the log; what a row leaves out is null."""
    schema = polars_schema(KINDS[kind])
    for row in rows:
        assert set(row) <= set(schema), set(row) - set(schema)
    full = [{**dict.fromkeys(schema), **ENVELOPE, **row} for row in rows]
    return pl.DataFrame([{name: _typed(schema[name], value) for name, value in row.items()} for row in full], schema)


def _typed(dtype: pl.DataType, value: Any) -> Any:
    return Decimal(value) if isinstance(dtype, pl.Decimal) and value is not None else value


def _case(told: dict[str, Any]) -> tuple[dict[str, Any], Said]:
    said = {twin: (each.get("properties", {}), each.get("relations", {})) for twin, each in told["says"].items()}
    return told["record"], said


_CASES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SAID: dict[str, tuple[dict[str, Any], Said]] = {kind: _case(told) for kind, told in _CASES.items()}
