"""DQ-11: the shop or company of a record is known; its region and manager come along."""

from __future__ import annotations

import polars as pl

from services.ingest.domain.batch import Batch, Severity
from services.ingest.domain.columns import Mask, choose, empty, filled, hits
from services.ingest.domain.fields import ENRICHED
from services.ingest.domain.rule import Rule


def check(batch: Batch) -> None:
    if batch.kind.is_master:
        return
    if batch.kind.field("retailer_code") is not None:
        _resolve_retailer(batch)
    elif batch.kind.place:
        _resolve_org(batch, batch.kind.place)


def _resolve_retailer(batch: Batch) -> None:
    codes = batch.get("retailer_code")
    licences = batch.pop("license_no")
    named = batch.present("retailer_code") | (batch.nowhere() if licences is None else filled(licences))
    if codes is None:
        codes = empty(pl.String(), batch.size)
    found = batch.door.directory.retailer.look_up(codes, licences)
    resolved = found.get_column("retailer_code")
    known = filled(resolved)
    message = "the shop is not known; send it as a retailer record first, or correct the code"
    batch.find("DQ-11", Severity.QUARANTINE, "retailer_code", named & ~known, message)
    if licences is not None:
        by_licence = known & ~hits(resolved == codes)
        batch.put("retailer_code", choose(known, resolved, codes))
        batch.mend("DQ-11", "retailer_code", by_licence, codes, "the shop was found by its licence")
    _enrich(batch, found, known)


def _enrich(batch: Batch, found: pl.DataFrame, known: Mask) -> None:
    for name in ENRICHED:
        field = batch.kind.field(name)
        if field is None:
            continue
        given = batch.get(name) if field.given else None
        values = found.get_column(name)
        batch.put(name, values if given is None else choose(known, values, given))


def _resolve_org(batch: Batch, name: str) -> None:
    codes = batch.get(name)
    if codes is None:
        return
    found = batch.door.directory.org.look_up(codes)
    unknown = filled(codes) & ~filled(found.get_column("org_code")) & ~batch.present("adcode")
    message = "the company is not known; send it as an org record first, or give the adcode"
    batch.find("DQ-11", Severity.QUARANTINE, name, unknown, message)
    if batch.kind.field("adcode") is not None:
        given = batch.get("adcode")
        places = found.get_column("adcode")
        batch.put("adcode", places if given is None else choose(filled(given), given, places))


RULE = Rule(
    id="DQ-11",
    severity=Severity.QUARANTINE,
    order=30,
    doc="The shop is known by code or licence, the company by code.",
    check=check,
)
