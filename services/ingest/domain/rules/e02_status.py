"""E-02: the state of an order, a transfer or a work order moves forward only."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.keeping.chains import CHAINS, MESSAGE, RULE_ID, illegal_moves


def check(batch: Batch) -> None:
    chain = CHAINS[batch.kind.name]
    keys, states = batch.columns["record_key"], batch.get(chain.field)
    if states is None or batch.has_one_record_a_key:
        return
    usable = pl.Series(~batch.refused())
    states = states.zip_with(usable, states.clear(batch.size))
    times = batch.columns["occurred_at"]
    records = pl.DataFrame({"record_key": keys, "occurred_at": times, chain.field: states})
    mask = illegal_moves(batch.kind.name, records, records.clear()).to_numpy()
    batch.find(RULE_ID, Severity.QUARANTINE, chain.field, mask, MESSAGE)


RULE = Rule(
    id=RULE_ID,
    severity=Severity.QUARANTINE,
    order=93,
    doc="A state does not move backward within a batch; the book holds it against the state that it knows.",
    check=check,
    concerns=kinds(*CHAINS),
)
