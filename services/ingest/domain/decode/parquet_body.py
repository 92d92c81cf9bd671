"""Parquet files, read batch by batch within bounds."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.ingest.domain.decode.arrow_body import decoded_table
from services.ingest.domain.decode.body import Decoded, Limits, Malformed

FAULTS = (pa.ArrowException, ValueError, OSError, KeyError, OverflowError)
BATCH_ROWS = 8192
_FOOTER_LIMITS = {"thrift_string_size_limit": 16 * 1024 * 1024, "thrift_container_size_limit": 200_000}


def decode_parquet(body: bytes, limits: Limits) -> Decoded:
    """Text columns of a Parquet file; typed values become the text a JSON sender would write."""
    file = open_parquet(pa.BufferReader(body), limits)
    if file.metadata.num_rows > limits.rows:
        raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
    batches = list(bounded_batches(file, limits, rows=limits.rows))
    return decoded_table(pa.Table.from_batches(batches, schema=batches[0].schema if batches else file.schema_arrow))


def open_parquet(source: pa.NativeFile | io.BufferedReader, limits: Limits) -> pq.ParquetFile:
    """A Parquet file whose footer is within bounds; texts come as dictionaries, so that a repeated one is held once."""
    try:
        plain = pq.ParquetFile(source, **_FOOTER_LIMITS)
        schema = plain.schema_arrow
        if len(schema) > limits.columns:
            raise Malformed("", f"at most {limits.columns} columns", code="too_large")
        if len(set(schema.names)) < len(schema):
            raise Malformed("", "two columns have the same name")
        texts = [
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        return pq.ParquetFile(source, read_dictionary=texts, **_FOOTER_LIMITS)
    except FAULTS as error:
        raise Malformed("", f"the file is no Parquet file ({type(error).__name__})") from None


def bounded_batches(
    file: pq.ParquetFile,
    limits: Limits,
    *,
    rows: int,
    row_groups: list[int] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Batches of plain columns; Malformed when more rows or bytes come than may."""
    seen = size = 0
    try:
        for batch in file.iter_batches(batch_size=batch_rows, row_groups=row_groups):
            seen, size = seen + batch.num_rows, size + _expanded_bytes(batch)
            if seen > rows or size > limits.expanded_bytes:
                raise Malformed("", "the file unfolds into too much", code="too_large")
            yield _plain(batch)
    except FAULTS as error:
        raise Malformed("", f"the file is no Parquet file ({type(error).__name__})") from None


def _expanded_bytes(batch: pa.RecordBatch) -> int:
    return sum(_column_bytes(column) for column in batch.columns)


def _column_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
    return int(column.indices.nbytes) + int(pc.sum(lengths).as_py() or 0)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
