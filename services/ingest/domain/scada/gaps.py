"""Where samples are missing or doubtful, and what each minute lacks (DQ-25). Nothing is filled in.

no_samples   nothing came for more than three periods        bad_quality  samples came, none of them usable
stuck        the same value for 30 minutes while the machine ran
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from services.ingest.domain.scada.minutes import GAP_PERIODS
from services.ingest.domain.schemas.fields import UTC_TIME

STUCK_AFTER = timedelta(minutes=30)
GAPS: dict[str, pl.DataType] = {
    "tag": pl.String(),
    "machine": pl.String(),
    "reason": pl.String(),
    "from_at": UTC_TIME,
    "to_at": UTC_TIME,
    "seconds": pl.Float64(),
    "missing": pl.Int64(),
}
RUNNING: dict[str, pl.DataType] = {"machine": pl.String(), "minute": UTC_TIME}
SHOWN: dict[str, pl.DataType] = {
    "tag": pl.String(),
    "machine": pl.String(),
    "unit": pl.String(),
    "minute": UTC_TIME,
    "n": pl.Int64(),
    "min": pl.Float64(),
    "mean": pl.Float64(),
    "max": pl.Float64(),
    "last": pl.Float64(),
    "bad": pl.Int64(),
    "uncertain": pl.Int64(),
    "expected": pl.Int64(),
    "gap_s": pl.Float64(),
    "jumps": pl.Int64(),
    "marks": pl.List(pl.String()),
}
_REASONS = {"n": "no_samples", "b": "bad_quality"}
_MINUTE = timedelta(minutes=1)


def missing(minutes: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The gaps between samples, as GAPS; one that still lasts has no end.

    `minutes` has rows of MINUTES, for each tag all that exist in a span. Tags without an expected period have no gaps.
    """
    rows = minutes.filter(pl.col("period_ms").is_not_null()).sort("tag", "minute")
    spoilt = pl.col("bad").cum_sum().over("tag")
    usable = rows.with_columns(spoilt=spoilt).filter(pl.col("n") > 0)
    between = usable.with_columns(
        from_at=pl.col("last_at").shift(1).over("tag"),
        to_at=pl.col("first_at"),
        spoilt_between=pl.col("spoilt") - pl.col("spoilt").shift(1).over("tag") + pl.col("bad").shift(1).over("tag"),
    ).with_columns(reason=_because(pl.col("spoilt_between") > 0))
    ends = usable.group_by("tag", maintain_order=True).agg(pl.all().last())
    after = rows.group_by("tag", maintain_order=True).agg(spoilt_now=pl.col("bad").sum())
    lasting = ends.join(after, on="tag").with_columns(
        from_at=pl.col("last_at"),
        to_at=pl.lit(None, dtype=UTC_TIME),
        reason=_because(pl.col("spoilt_now") > pl.col("spoilt") - pl.col("bad")),
    )
    found = pl.concat([_as_gaps(_within(usable), now), _as_gaps(between, now), _as_gaps(lasting, now)])
    return found.sort("from_at", "tag", descending=[True, False])


def _because(is_bad: pl.Expr) -> pl.Expr:
    return pl.when(is_bad).then(pl.lit(_REASONS["b"])).otherwise(pl.lit(_REASONS["n"]))


def _within(usable: pl.DataFrame) -> pl.DataFrame:
    pieces = pl.col("gaps").str.splitn(":", 3).struct.rename_fields(["from", "to", "why"])
    apart = (
        usable.filter(pl.col("gaps") != "")
        .with_columns(pl.col("gaps").str.split(";"))
        .explode("gaps", empty_as_null=True, keep_nulls=True)
    )
    moments = apart.with_columns(piece=pieces).unnest("piece")
    return moments.with_columns(
        from_at=pl.col("minute") + pl.duration(microseconds=pl.col("from").cast(pl.Int64)),
        to_at=pl.col("minute") + pl.duration(microseconds=pl.col("to").cast(pl.Int64)),
        reason=pl.col("why").replace_strict(_REASONS, default=_REASONS["n"], return_dtype=pl.String),
    )


def _as_gaps(found: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Those that last longer than three periods; a sample is missing for each whole period but the last."""
    until = pl.col("to_at").fill_null(pl.lit(now).cast(UTC_TIME))
    wait_ms = (until - pl.col("from_at")).dt.total_microseconds() / 1000
    return (
        found.filter(wait_ms > GAP_PERIODS * pl.col("period_ms"))
        .with_columns(seconds=wait_ms / 1000, missing=((wait_ms / pl.col("period_ms")).round() - 1).cast(pl.Int64))
        .select(pl.col(name).cast(dtype) for name, dtype in GAPS.items())
    )


def stuck(minutes: pl.DataFrame, running: pl.DataFrame) -> pl.DataFrame:
    """Spans of 30 minutes and more in which a tag kept one value while its machine ran, as GAPS with reason `stuck`.

    `running` has the machines and minutes of which it is known that they ran; a span ends where that is not known.
    """
    rows = minutes.filter((pl.col("n") > 0) & ~pl.col("may_rest").fill_null(value=False))
    rows = rows.join(running.unique(), on=["machine", "minute"], how="semi").sort("tag", "minute")
    is_flat = pl.col("low") == pl.col("high")
    goes_on = (
        is_flat
        & (pl.col("low") == pl.col("last").shift(1).over("tag"))
        & (pl.col("minute") - pl.col("minute").shift(1).over("tag") == _MINUTE)
    ).fill_null(value=False)
    spans = (
        rows.with_columns(span=(~goes_on).cast(pl.Int64).cum_sum().over("tag"), is_flat=is_flat)
        .group_by("tag", "span", maintain_order=True)
        .agg(
            pl.col("machine").first(),
            from_at=pl.when(pl.col("is_flat").first())
            .then(pl.col("first_at").first())
            .otherwise(pl.col("last_at").first()),
            to_at=pl.col("last_at").last(),
        )
        .with_columns(span=pl.col("to_at") - pl.col("from_at"))
        .filter(pl.col("span") >= STUCK_AFTER)
        .with_columns(reason=pl.lit("stuck"), seconds=pl.col("span").dt.total_microseconds() / 1e6, missing=0)
    )
    return spans.select(pl.col(name).cast(dtype) for name, dtype in GAPS.items())


def shown(minutes: pl.DataFrame, doubts: pl.DataFrame, since: datetime, until: datetime, now: datetime) -> pl.DataFrame:
    """The minutes of a span, those without a sample among them, each with the seconds it lacks and its marks.

    `minutes` are rows of MINUTES with `rate_per_s`, `doubts` their gaps and stuck spans as GAPS. A minute without
    samples is there only inside a gap, with n 0 and no values.
    """
    lacking = doubts.filter(pl.col("reason") != "stuck").with_columns(
        pl.col("to_at").fill_null(pl.lit(now).cast(UTC_TIME))
    )
    seconds = _seconds_by_minute(lacking, since, until)
    still = _seconds_by_minute(doubts.filter(pl.col("reason") == "stuck"), since, until)
    rows = _with_jumps_between(minutes).filter(pl.col("minute").is_between(since, until, closed="left"))
    known = minutes.select("tag", "machine", "unit", "expected").unique("tag", keep="last")
    names = ["tag", "minute"]
    whole = (
        pl.concat([rows.select(names), seconds.select(names)])
        .unique()
        .join(rows.drop("machine", "unit", "expected"), on=names, how="left")
        .join(known, on="tag", how="left")
        .join(seconds.rename({"overlap_s": "gap_s"}), on=names, how="left")
        .join(still.rename({"overlap_s": "stuck_s"}), on=names, how="left")
    )
    zeros = pl.col("n", "bad", "uncertain", "jumps", "outside", "late").fill_null(0)
    return (
        whole.with_columns(zeros, pl.col("gap_s", "stuck_s").fill_null(0.0))
        .with_columns(min="low", max="high", mean=pl.col("total") / pl.col("n"), marks=_marks())
        .sort(names)
        .select(pl.col(name).cast(dtype) for name, dtype in SHOWN.items())
    )


def _with_jumps_between(minutes: pl.DataFrame) -> pl.DataFrame:
    """Adds to the jumps of a minute the one from the last sample of the minute before it."""
    usable = minutes.filter(pl.col("n") > 0).sort("tag", "minute")
    before = [pl.col(name).shift(1).over("tag") for name in ("last", "last_at")]
    step, wait = (pl.col("first") - before[0]).abs(), pl.col("first_at") - before[1]
    jumped = step * 1e6 > pl.col("rate_per_s") * wait.dt.total_microseconds()
    counted = usable.with_columns(pl.col("jumps") + jumped.fill_null(value=False).cast(pl.Int64))
    return pl.concat([counted, minutes.filter(pl.col("n") == 0)])


def _marks() -> pl.Expr:
    said = {"bad": "bad", "gap": "gap_s", "jump": "jumps", "stuck": "stuck_s", "outside": "outside", "late": "late"}
    return pl.concat_list(pl.when(pl.col(name) > 0).then(pl.lit(mark)) for mark, name in said.items()).list.drop_nulls()


def _seconds_by_minute(spans: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """How much of each minute lies inside the spans."""
    start, end = pl.lit(since).cast(UTC_TIME), pl.lit(until).cast(UTC_TIME)
    clipped = spans.select(
        "tag", pl.max_horizontal("from_at", start).alias("from_at"), pl.min_horizontal("to_at", end).alias("to_at")
    ).filter(pl.col("to_at") > pl.col("from_at"))
    first = pl.col("from_at").dt.truncate("1m")
    each = clipped.with_columns(
        minute=pl.datetime_ranges(first, pl.col("to_at"), interval="1m", closed="left", time_unit="us")
    ).explode("minute", empty_as_null=True, keep_nulls=True)
    overlap = pl.min_horizontal(pl.col("to_at"), pl.col("minute") + _MINUTE) - pl.max_horizontal("from_at", "minute")
    return (
        each.with_columns(overlap_s=overlap.dt.total_microseconds() / 1e6)
        .filter(pl.col("overlap_s") > 0)
        .group_by("tag", "minute")
        .agg(pl.col("overlap_s").sum().clip(0, 60))
        .select(pl.col("tag"), pl.col("minute").cast(UTC_TIME), "overlap_s")
    )
