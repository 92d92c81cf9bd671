"""Which version of a record the book keeps (DQ-04 and DQ-05, for records that come later)."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

VERSION = ("occurred_at", "ingested_at", "line")
CURRENT_SCHEMA: dict[str, pl.DataType] = {
    "record_key": pl.String(),
    "payload_hash": pl.String(),
    "source": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "ingested_at": pl.Datetime("us", "UTC"),
    "line": pl.UInt32(),
    "batch_id": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of new records, and of the ones in the book that they meet."""

    stored: pl.DataFrame
    """New records that the book shows from now on."""
    outdated: pl.DataFrame
    """New records that are older than what the book shows; kept beside it."""
    conflicting: pl.DataFrame
    """New records that contradict one of the same version; set aside."""
    duplicates: int
    replaced: pl.DataFrame
    """Records in the book that give way to a newer version."""
    contradicted: pl.DataFrame
    """Records in the book that are set aside with their contradiction."""


def judge(new: pl.DataFrame, current: pl.DataFrame, known: pl.DataFrame) -> Verdict:
    """Decides for one message. `current` has the book's rows of the same keys, `known` their older `payload_hash`es.

    The newest fact wins, among facts of one time the one that came last from the same source. Two sources that say
    different things of the same time contradict each other, and a person decides.
    """
    nobody = current.clear()
    if current.is_empty() and known.is_empty() and new.get_column("record_key").n_unique() == new.height:
        return Verdict(new, new.clear(), new.clear(), 0, nobody, nobody)
    fresh = _without_repetitions(new, current, known)
    repeated = new.height - fresh.height
    met = fresh.select(*CURRENT_SCHEMA).join(current, on="record_key", suffix="_now", maintain_order="left")
    contradicting = met.filter(
        (pl.col("occurred_at") == pl.col("occurred_at_now")) & (pl.col("source") != pl.col("source_now"))
    ).select("record_key")
    conflicting = fresh.join(contradicting, on="record_key", how="semi")
    contradicted = current.join(contradicting, on="record_key", how="semi")
    rest = fresh.join(contradicting, on="record_key", how="anti").sort(VERSION, maintain_order=True)
    newest = rest.unique("record_key", keep="last", maintain_order=True)
    beaten = newest.join(_newer_in_book(newest, current), on="record_key", how="semi")
    stored = newest.join(beaten, on="record_key", how="anti")
    replaced = current.join(stored, on="record_key", how="semi")
    older = rest.join(newest, on="record_id", how="anti")
    return Verdict(stored, pl.concat([older, beaten]), conflicting, repeated, replaced, contradicted)


def _without_repetitions(new: pl.DataFrame, current: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    identity = ["record_key", "payload_hash"]
    seen = pl.concat([current.select(identity), known.select(identity)])
    return new.unique(identity, keep="first", maintain_order=True).join(
        seen, on=identity, how="anti", maintain_order="left"
    )


def _newer_in_book(newest: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    met = newest.select("record_key", *VERSION).join(current, on="record_key", suffix="_now")
    newer = pl.lit(value=False)
    for name in reversed(VERSION):
        now, mine = pl.col(f"{name}_now"), pl.col(name)
        newer = (now > mine) | ((now == mine) & newer)
    return met.filter(newer).select("record_key")
