"""Samples become minutes: counts, least, sum, greatest, last, and the gaps and jumps within.

A minute keeps its samples while more may come for it, so that it is a function of a set: the same sample again, in
whatever message, changes nothing, and a late one gives what it would have given in time. After that the samples are let
go, and what comes later still is only counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from services.ingest.domain.schemas.fields import UTC_TIME

GAP_PERIODS = 3
SAMPLES: dict[str, pl.DataType] = {
    "tag": pl.String(),
    "at": UTC_TIME,
    "value": pl.Float64(),
    "quality": pl.String(),
}
MINUTES: dict[str, pl.DataType] = {
    "tag": pl.String(),
    "minute": UTC_TIME,
    "machine": pl.String(),
    "unit": pl.String(),
    "period_ms": pl.Int64(),
    "expected": pl.Int64(),
    "n": pl.Int64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "total": pl.Float64(),
    "first": pl.Float64(),
    "first_at": UTC_TIME,
    "last": pl.Float64(),
    "last_at": UTC_TIME,
    "bad": pl.Int64(),
    "uncertain": pl.Int64(),
    "outside": pl.Int64(),
    "jumps": pl.Int64(),
    "late": pl.Int64(),
    "gaps": pl.String(),
    "samples": pl.String(),
}
KNOWN: dict[str, pl.DataType] = {"tag": pl.String(), "minute": UTC_TIME, "late": pl.Int64(), "samples": pl.String()}
_KEY = ["tag", "minute"]
_WORDS = {"good": "g", "uncertain": "u", "bad": "b"}
_BAD, _UNCERTAIN = "b", "u"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a pass changes: whole minutes, and the count of samples that came too late for theirs."""

    minutes: pl.DataFrame
    """Rows to put in place of those known."""
    late: pl.DataFrame
    """`tag`, `minute`, `late`: new number of samples that came after the minute had let its samples go."""


def settle(new: pl.DataFrame, known: pl.DataFrame, tags: pl.DataFrame) -> Settled:
    """Merges samples into the minutes they belong to.

    `new` has the columns of SAMPLES in the order of arrival, `known` those of KNOWN for the minutes that are met,
    `tags` those of TAG_COLUMNS. Of two samples of one tag and time the one that came first counts.
    """
    minute = pl.col("at").dt.truncate("1m").alias("minute")
    word = pl.col("quality").replace_strict(_WORDS, default=_BAD).alias("word")
    arrived = new.select("tag", minute, "at", "value", word)
    closed = known.filter(pl.col("samples").is_null())
    belated = arrived.join(closed, on=_KEY, how="semi")
    arrived = arrived.join(closed, on=_KEY, how="anti", maintain_order="left")
    there = _unpacked(known).join(arrived.select(_KEY).unique(), on=_KEY, how="semi", maintain_order="left")
    together = pl.concat([there, arrived]).unique(["tag", "at"], keep="first", maintain_order=True)
    return Settled(_minutes(together.sort("tag", "at"), tags, known), _late(belated, closed))


def _late(belated: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    more = belated.group_by(_KEY).len("more")
    return closed.join(more, on=_KEY).select(*_KEY, (pl.col("late") + pl.col("more")).cast(pl.Int64).alias("late"))


def _minutes(samples: pl.DataFrame, tags: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    expected = tags.rename({"low": "low_limit", "high": "high_limit"})
    told = samples.join(expected, on="tag", how="left", maintain_order="left").with_columns(
        is_usable=(pl.col("word") != _BAD) & pl.col("value").is_not_null()
    )
    told = told.with_columns(spoilt=(~pl.col("is_usable")).cast(pl.Int64).cum_sum().over(_KEY))
    usable = _with_steps(told.filter("is_usable"))
    rows = told.group_by(_KEY, maintain_order=True).agg(
        pl.col("machine", "unit", "period_ms").first(),
        bad=(~pl.col("is_usable")).sum().cast(pl.Int64),
        samples=_packed(),
    )
    figures = usable.group_by(_KEY).agg(
        n=pl.len().cast(pl.Int64),
        low=pl.col("value").min(),
        high=pl.col("value").max(),
        total=pl.col("value").sum(),
        first=pl.col("value").first(),
        first_at=pl.col("at").first(),
        last=pl.col("value").last(),
        last_at=pl.col("at").last(),
        uncertain=(pl.col("word") == _UNCERTAIN).sum().cast(pl.Int64),
        outside=_outside().sum().cast(pl.Int64),
        jumps=pl.col("is_jump").sum().cast(pl.Int64),
        gaps=pl.col("gap").drop_nulls().str.join(";"),
    )
    zeros = pl.col("n", "uncertain", "outside", "jumps").fill_null(0)
    whole = rows.join(figures, on=_KEY, how="left").join(known.select(*_KEY, "late"), on=_KEY, how="left")
    return whole.with_columns(
        zeros,
        pl.col("late").fill_null(0),
        pl.col("gaps").fill_null(""),
        expected=(60_000 / pl.col("period_ms")).round().cast(pl.Int64),
    ).select(pl.col(name).cast(dtype) for name, dtype in MINUTES.items())


def _with_steps(usable: pl.DataFrame) -> pl.DataFrame:
    """Beside each usable sample: whether it jumped, and the gap before it as `FROM:TO:REASON`, microseconds."""
    before = usable.with_columns(
        since=pl.col("at").shift(1).over(_KEY),
        step=(pl.col("value") - pl.col("value").shift(1).over(_KEY)).abs(),
        spoilt_between=pl.col("spoilt") - pl.col("spoilt").shift(1).over(_KEY),
    ).with_columns(wait_us=(pl.col("at") - pl.col("since")).dt.total_microseconds())
    is_gap = pl.col("wait_us") > GAP_PERIODS * 1000 * pl.col("period_ms")
    reason = pl.when(pl.col("spoilt_between") > 0).then(pl.lit("b")).otherwise(pl.lit("n"))
    text = pl.concat_str([_offset("since"), _offset("at"), reason], separator=":")
    return before.with_columns(
        is_jump=(pl.col("step") * 1e6 > pl.col("rate_per_s") * pl.col("wait_us")).fill_null(value=False),
        gap=pl.when(is_gap).then(text),
    )


def _outside() -> pl.Expr:
    low, high = pl.col("value") < pl.col("low_limit"), pl.col("value") > pl.col("high_limit")
    return low.fill_null(value=False) | high.fill_null(value=False)


def _offset(name: str) -> pl.Expr:
    """Microseconds since the minute began."""
    return (pl.col(name) - pl.col("minute")).dt.total_microseconds().cast(pl.String)


def _packed() -> pl.Expr:
    value = pl.col("value").cast(pl.String).fill_null("")
    return pl.concat_str([_offset("at"), pl.col("word"), value], separator=":").str.join(";")


def _unpacked(known: pl.DataFrame) -> pl.DataFrame:
    """The samples that minutes hold."""
    pieces = pl.col("samples").str.splitn(":", 3)
    return (
        known.filter(pl.col("samples").is_not_null())
        .select(*_KEY, pl.col("samples").str.split(";"))
        .explode("samples", empty_as_null=True, keep_nulls=True)
        .filter(pl.col("samples") != "")
        .select(*_KEY, pieces.struct.rename_fields(["offset", "word", "value"]).alias("piece"))
        .unnest("piece")
        .select(
            *_KEY,
            (pl.col("minute") + pl.duration(microseconds=pl.col("offset").cast(pl.Int64))).alias("at"),
            pl.col("value").cast(pl.Float64, strict=False),
            "word",
        )
    )
