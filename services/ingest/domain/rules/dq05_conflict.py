"""DQ-05: two records of one batch with the same key and version that differ are both set aside."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule


def check(batch: Batch) -> None:
    keys = batch.columns["record_key"]
    if batch.has_one_record_a_key:
        return
    version = batch.get(batch.kind.occurred)
    frame = pl.DataFrame(
        {"key": keys, "version": version if version is not None else 0, "hash": batch.columns["payload_hash"]}
    ).with_columns(pl.Series("usable", ~batch.refused()), batch.body_numbers().alias("body"))
    contents = pl.col("hash").filter(pl.col("usable")).n_unique().over("body", "key", "version")
    differs = frame.select((contents > 1) & pl.col("usable")).to_series().to_numpy()
    message = "the batch holds the same key and time with other content"
    batch.find("DQ-05", Severity.QUARANTINE, batch.kind.keys[0], differs, message)


RULE = Rule(
    id="DQ-05",
    severity=Severity.QUARANTINE,
    order=91,
    doc="Same key: the newest version wins; equal versions with other content are set aside.",
    check=check,
)
