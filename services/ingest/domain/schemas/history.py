"""The shape of the history: one table a kind, every version of every record, in partitions of business time."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.schema import polars_schema

SEQUENCE = "stream_sequence"
"""Place in the log of the message that brought the row."""
MONTH, DAY = "biz_month", "biz_day"


def partition_of(kind: Kind) -> str:
    """The column that a kind is partitioned by: months, or days for raw series that are dropped by the day."""
    return MONTH if kind.in_book else DAY


def history_schema(kind: Kind) -> dict[str, pl.DataType]:
    """Column types of a kind's history. Delta Lake knows no unsigned numbers."""
    columns = {name: pl.Int64() if dtype == pl.UInt32 else dtype for name, dtype in polars_schema(kind).items()}
    return {**columns, SEQUENCE: pl.Int64(), partition_of(kind): pl.String()}


def history_rows(kind: Kind, records: pl.DataFrame, sequence: int) -> pl.DataFrame:
    """The records of one message as rows of the history; fields that an older sender did not know are empty."""
    known = set(records.columns)
    own = [
        pl.col(name).cast(dtype) if name in known else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in history_schema(kind).items()
        if name not in (SEQUENCE, MONTH, DAY)
    ]
    form = "%Y-%m" if kind.in_book else "%Y-%m-%d"
    return records.select(
        *own,
        pl.lit(sequence, dtype=pl.Int64).alias(SEQUENCE),
        pl.col("biz_date").dt.strftime(form).alias(partition_of(kind)),
    )
