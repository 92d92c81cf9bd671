"""K-01: the verdict of a test agrees with its value and limits."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import choose, hits


def check(batch: Batch) -> None:
    values = batch.numbers("value")
    if values is None:
        return
    low, high = (_limit(batch, name) for name in ("lsl", "usl"))
    crossed = low > high
    is_outside = (values < low) | (values > high)
    batch.find("K-01", Severity.QUARANTINE, "lsl", crossed, "the lower limit lies above the upper one")
    is_limited = batch.present("lsl") | batch.present("usl")
    verdicts = batch.get("verdict")
    computed = choose(is_outside, *(pl.Series([word]).new_from_index(0, batch.size) for word in ("fail", "pass")))
    if verdicts is not None:
        differs = hits(verdicts != computed) & is_limited & ~crossed
        message = "the verdict does not agree with the value and its limits"
        batch.find("K-01", Severity.QUARANTINE, "verdict", differs, message)
    missing = ~batch.present("verdict") & is_limited & ~crossed & batch.present("value")
    if missing.any():
        given = verdicts if verdicts is not None else computed.clear(batch.size)
        batch.put("verdict", choose(missing, computed, given))
        batch.mend("K-01", "verdict", missing, None, "no verdict was given; the limits gave one")


def _limit(batch: Batch, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A limit of each record; one that is absent excludes nothing."""
    limits = batch.numbers(name)
    nothing = -np.inf if name == "lsl" else np.inf
    if limits is None:
        return np.full(batch.size, nothing)
    return np.where(np.isnan(limits), nothing, limits)


RULE = Rule(
    id="K-01",
    severity=Severity.QUARANTINE,
    order=72,
    doc="A quality test passes exactly when its value lies within its limits.",
    check=check,
    concerns=kinds("quality_test"),
)
