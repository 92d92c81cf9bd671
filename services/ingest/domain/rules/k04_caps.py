"""K-04: a better tier may order at least as much as a worse one, unless the policy says otherwise."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import hits


def check(batch: Batch) -> None:
    caps, flags = batch.get("caps_cartons"), batch.get("caps_may_fall")
    if caps is None:
        return
    falls = {text: _falls(text) for text in caps.unique().to_list() if text is not None}
    if not any(falls.values()):
        return
    excused = batch.nowhere() if flags is None else hits(flags)
    mask = np.array([falls.get(text, False) for text in caps.to_list()], dtype=np.bool_) & ~excused
    message = "the cap of a better tier is lower; mend it, or set caps_may_fall"
    batch.find("K-04", Severity.QUARANTINE, "caps_cartons", mask, message)


def _falls(text: str) -> bool:
    caps = json.loads(text)
    return any(better < worse for worse, better in pairwise(caps))


RULE = Rule(
    id="K-04",
    severity=Severity.QUARANTINE,
    order=75,
    doc="The caps of an allocation policy do not fall with the tier unless flagged.",
    check=check,
    concerns=kinds("allocation_policy"),
)
