"""Records that only take back what was said under their key (`op` is `delete`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.frames.columns import Mask, choose, empty, hits, word
from services.ingest.domain.keeping.versions import DELETE, UPSERT
from services.ingest.domain.schemas.schema import OP

_ALWAYS_READ = ("license_no", "org_code", "grant_id", "source_id")


def mark_deletions(batch: Batch, of_bodies: Sequence[str]) -> None:
    """Finds the records that delete, by a field of their own or because their whole body does.

    Of these only the key, the time and the envelope are read. What else they bring is dropped before any rule sees it,
    and rules about anything else leave them alone.
    """
    mask = _said(batch)
    if DELETE in of_bodies:
        mask = mask | np.repeat(np.array(of_bodies) == DELETE, batch.bodies.sizes)
    if not mask.any():
        return
    batch.deleting = mask
    read = {*batch.kind.keys, *batch.kind.one_of, batch.kind.occurred, batch.kind.day, *_ALWAYS_READ}
    for name, values in list(batch.columns.items()):
        if name not in read:
            batch.put(name, choose(mask, empty(values.dtype, batch.size), values))


def _said(batch: Batch) -> Mask:
    given = batch.pop(OP)
    if given is None:
        return batch.nowhere()
    said = given.cast(pl.String).str.strip_chars().str.to_lowercase()
    strange = hits(~said.is_in(["", UPSERT, DELETE]))
    batch.find("DQ-02", Severity.REJECT, OP, strange, "op must be upsert or delete")
    return hits(said == DELETE)


def ops(batch: Batch) -> pl.Series:
    """What each record does to the book."""
    upserts = word(UPSERT, batch.size)
    return upserts if batch.deleting is None else choose(batch.deleting, word(DELETE, batch.size), upserts)
