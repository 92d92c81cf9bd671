"""DQ-11: the shop or company of a record is known; its region and manager come along."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Mask, choose, empty, filled, hits
from services.ingest.domain.schemas.fields import ENRICHED

WANTED = ("retailer_code", *ENRICHED)


def check(batch: Batch) -> None:
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
    found = batch.door.directory.retailer.look_up(codes, licences, columns=WANTED)
    resolved = found.get_column("retailer_code")
    known = filled(resolved)
    if np.count_nonzero(named & ~known):
        called = _called(batch, codes, named & ~known)
        if called is not None:
            batch.put("retailer_code", called)
            found = batch.door.directory.retailer.look_up(called, licences, columns=WANTED)
            resolved = found.get_column("retailer_code")
            by_alias = filled(resolved) & ~known
            known = known | by_alias
            message = "the shop was found by its licence, its WeCom id or its store code"
            batch.mend("DQ-11", "retailer_code", by_alias, codes, message)
            codes = called
        message = "the shop is not known; send it as a retailer record first, or correct the code"
        batch.find("DQ-11", Severity.QUARANTINE, "retailer_code", named & ~known, message)
    if licences is not None:
        by_licence = known & ~hits(resolved == codes)
        batch.put("retailer_code", choose(known, resolved, codes))
        batch.mend("DQ-11", "retailer_code", by_licence, codes, "the shop was found by its licence")
    _enrich(batch, found, known)


def _called(batch: Batch, codes: pl.Series, unknown: Mask) -> pl.Series | None:
    """The codes with what is no code of a shop, but its licence, its WeCom id or its store code, replaced."""
    words = {code for code in codes.filter(pl.Series(unknown)).to_list() if code}
    shops = batch.door.directory.shops_called(batch.door.source, words) if words else {}
    if not shops:
        return None
    return codes.replace(list(shops), list(shops.values())).alias("retailer_code")


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
    found = batch.door.directory.org.look_up(codes, columns=("org_code", "adcode"))
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
    doc="The shop is known by code, licence, WeCom custom id or store code (in this order), the company by code.",
    check=check,
    concerns=lambda kind: not kind.is_master,
)
