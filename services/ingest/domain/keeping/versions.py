"""Which version of a record the book keeps (DQ-04 and DQ-05, for records that come later)."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from services.ingest.domain.frames.digests import DIGEST_FORM

UPSERT, DELETE = "upsert", "delete"
DECIDED = "DQ-05"
"""Among the rules of a record in the book: it contradicted another source, and a person decided for it."""
CURRENT_SCHEMA: dict[str, pl.DataType] = {
    "record_key": pl.String(),
    "payload_hash": pl.String(),
    "source": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "ingested_at": pl.Datetime("us", "UTC"),
    "line": pl.UInt32(),
    "batch_id": pl.String(),
    "op": pl.String(),
    "is_decided": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of new records, and of the ones in the book that they meet."""

    stored: pl.DataFrame
    """New records that the book shows from now on."""
    deletions: pl.DataFrame
    """New records after which the book shows nothing under their keys."""
    outdated: pl.DataFrame
    """New records that are older than what the book shows; kept beside it."""
    conflicting: pl.DataFrame
    """New records that contradict one of the same version; set aside."""
    duplicates: int
    replaced: pl.DataFrame
    """What gives way to a newer version: records in the book, and deletions (`op`)."""
    contradicted: pl.DataFrame
    """Records in the book that are set aside with their contradiction."""


def judge(new: pl.DataFrame, current: pl.DataFrame, known: pl.DataFrame) -> Verdict:
    """Decides for records of which no two messages share a key, in the order in which they came.

    `current` has the newest version of the same keys, a record of the book or a deletion, `known` the `payload_hash`es
    of older ones. The newest fact wins, among facts of one time the one that came last from the same source. Two
    sources that say different things of the same time contradict each other, and a person decides; what the person
    decided for stands against the same sources at that time. A deletion is a version as any other, but contradicts
    nobody. Digests of two forms say nothing about each other: they are no contradiction, the newest record stands.
    """
    nobody = current.clear()
    is_fresh = current.is_empty() and known.is_empty()
    if is_fresh and new.get_column("record_key").n_unique() == new.height and not _deletes(new):
        return Verdict(new, new.clear(), new.clear(), new.clear(), 0, nobody, nobody)
    fresh = _without_repetitions(new.with_columns(_is_decided(new)), current, known)
    repeated = new.height - fresh.height
    met = fresh.select(*CURRENT_SCHEMA).join(current, on="record_key", suffix="_now", maintain_order="left")
    contradicting = met.filter(
        (pl.col("occurred_at") == pl.col("occurred_at_now"))
        & (pl.col("source") != pl.col("source_now"))
        & (_form("payload_hash") == _form("payload_hash_now"))
        & ~(_is_deletion("op") | _is_deletion("op_now"))
        & ~(pl.col("is_decided") | pl.col("is_decided_now").fill_null(value=False))
    ).select("record_key")
    conflicting = fresh.join(contradicting, on="record_key", how="semi", maintain_order="left")
    contradicted = current.join(contradicting, on="record_key", how="semi")
    rest = fresh.join(contradicting, on="record_key", how="anti", maintain_order="left").sort(
        "occurred_at", "ingested_at", maintain_order=True
    )
    newest = rest.unique("record_key", keep="last", maintain_order=True)
    beaten = newest.join(_newer_in_book(newest, current), on="record_key", how="semi")
    winning = newest.join(beaten, on="record_key", how="anti", maintain_order="left")
    replaced = current.join(winning, on="record_key", how="semi")
    older = rest.join(newest, on="record_id", how="anti", maintain_order="left")
    winning, older, beaten, conflicting = (each.drop("is_decided") for each in (winning, older, beaten, conflicting))
    return Verdict(
        winning.filter(~_is_deletion("op")),
        winning.filter(_is_deletion("op")),
        pl.concat([older, beaten]),
        conflicting,
        repeated,
        replaced,
        contradicted,
    )


def _is_decided(frame: pl.DataFrame) -> pl.Expr:
    rules = pl.col("quality_rules").list.contains(DECIDED).fill_null(value=False)
    return (rules if "quality_rules" in frame.columns else pl.lit(value=False)).alias("is_decided")


def _deletes(frame: pl.DataFrame) -> bool:
    return bool(frame.select(_is_deletion("op").any()).item())


def _form(digest: str) -> pl.Expr:
    """The mark that a digest begins with; the oldest have none."""
    begin = pl.col(digest).str.head(len(DIGEST_FORM))
    return pl.when(begin.str.ends_with(DIGEST_FORM[-1])).then(begin).otherwise(pl.lit(""))


def _is_deletion(op: str) -> pl.Expr:
    return pl.col(op).eq_missing(DELETE)


def _without_repetitions(new: pl.DataFrame, current: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """What says nothing new goes: what stands now or stood before, unless a deletion or a decision came in between."""
    identity = ["record_key", "payload_hash"]
    first = new.unique(identity, keep="first", maintain_order=True)
    unlike_now = first.join(current.select(identity), on=identity, how="anti", maintain_order="left")
    gone = current.filter(_is_deletion("op")).select("record_key", deleted_at="occurred_at")
    judged = unlike_now.join(gone, on="record_key", how="left", maintain_order="left")
    again = (_is_deletion("op") | (pl.col("occurred_at") > pl.col("deleted_at"))).fill_null(value=False)
    before = (
        judged.filter(~again & ~pl.col("is_decided"))
        .join(known.select(identity), on=identity, how="semi")
        .select("record_id")
    )
    return unlike_now.join(before, on="record_id", how="anti", maintain_order="left")


def _newer_in_book(newest: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """Keys of which the book has a newer version. Of one time and arrival, the later line of one body is newer.

    What a person decided for is newer than what another source says of the same time.
    """
    names = ("record_key", "occurred_at", "ingested_at", "batch_id", "line", "source", "is_decided")
    met = newest.select(*names).join(current, on="record_key", suffix="_now")
    newer = (pl.col("batch_id_now") == pl.col("batch_id")) & (pl.col("line_now") > pl.col("line"))
    for name in ("ingested_at", "occurred_at"):
        now, mine = pl.col(f"{name}_now"), pl.col(name)
        newer = (now > mine) | ((now == mine) & newer)
    of_one_time = pl.col("occurred_at_now") == pl.col("occurred_at")
    stands = of_one_time & (pl.col("source_now") != pl.col("source")) & pl.col("is_decided_now")
    return met.filter(newer | (stands & ~pl.col("is_decided"))).select("record_key")
