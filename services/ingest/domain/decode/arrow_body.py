"""Arrow IPC streams."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from services.ingest.domain.decode.body import NESTED, Decoded, Limits, Malformed

_TIME = "%Y-%m-%dT%H:%M:%S%.6f"


def decode_arrow(body: bytes, limits: Limits) -> Decoded:
    """Text columns of an Arrow stream; typed values become the text a JSON sender would write."""
    try:
        return decoded_table(_read(body, limits))
    except (pa.ArrowException, pl.exceptions.PolarsError, ValueError, OSError, KeyError) as error:
        raise Malformed("", f"the body is no Arrow IPC stream ({type(error).__name__})") from None


def decoded_table(table: pa.Table) -> Decoded:
    """Text columns of an Arrow table; raises what Arrow and Polars raise for one that is not valid."""
    table.validate(full=True)
    frame = pl.DataFrame(pl.from_arrow(table))
    columns = {name: _as_text(frame.get_column(name)) for name in frame.columns}
    return Decoded(columns=columns, lines=pl.Series("line", range(frame.height), dtype=pl.UInt32))


def _read(body: bytes, limits: Limits) -> pa.Table:
    """Reads batch by batch, so that a small body cannot unfold into all of the memory."""
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    with pa.ipc.open_stream(body) as reader:
        if len(reader.schema) > limits.columns:
            raise Malformed("", f"at most {limits.columns} columns", code="too_large")
        if len(set(reader.schema.names)) < len(reader.schema):
            raise Malformed("", "two columns have the same name")
        for batch in reader:
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > limits.rows or size > limits.expanded_bytes:
                raise Malformed("", f"at most {limits.rows} records in one body", code="too_large")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)


def _as_text(values: pl.Series) -> pl.Series:
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime):
        return values.dt.strftime(_TIME + "%:z" if dtype.time_zone else _TIME)
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Null):
        flags = values.is_null()
        return pl.select(pl.when(~flags).then(pl.lit(NESTED))).to_series().alias(values.name)
    return values.cast(pl.String)
