"""DQ-10: the product of a record is known: by code, by an alias of the source, by barcode, by an approved name."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import Mask, choose, empty, filled, hits
from services.ingest.domain.values.names import is_ean_13, looks_like_ean_13
from services.ingest.domain.values.units import Packs

NAME = "sku_name_raw"
ALLOCATED = ("transfer", "oms_order")
"""Kinds whose prices are held against the allocation price."""
MAX_PROPOSALS = 20
"""Different unknown names of one batch for which a product is looked for."""
PROPOSED = (
    "the product is not known; by its name it may be {} ({:.2f}): approve it with a sku_alias record, or correct it"
)
UNKNOWN = "the product is not known; send it as a sku record first, give an alias as a sku_alias record, or correct it"


def check(batch: Batch) -> None:
    codes = batch.get("sku_code")
    if codes is None:
        if not batch.present(NAME).any():
            return
        codes = empty(pl.String(), batch.size).alias("sku_code")
    batch.packs = packs = _packs(batch, codes)
    unknown = (filled(codes) | batch.present(NAME)) & ~packs.known
    if np.count_nonzero(unknown):
        _resolve(batch, codes, unknown)


def _packs(batch: Batch, codes: pl.Series) -> Packs:
    """Pack sizes of the version of each product that was valid on the day of the record (DQ-09)."""
    more = ("price_allocation_ex_vat",) if batch.kind.name in ALLOCATED else ()
    return Packs(batch.door.directory.sku.look_up_on(codes, batch.columns["biz_date"], *more))


def _resolve(batch: Batch, codes: pl.Series, unknown: Mask) -> None:
    names = batch.get(NAME)
    places = np.flatnonzero(unknown)
    given = codes.gather(places).to_list()
    said: list[str | None] = [None] * len(places) if names is None else names.gather(places).to_list()
    directory, source = batch.door.directory, batch.door.source
    known = directory.products_called(source, {word for word in (*given, *said) if word})
    # The name speaks only where no code was given: a wrong code beside a right name is for a person to judge.
    found = [known.get(code) if code else known.get(name or "") for code, name in zip(given, said, strict=True)]
    if any(found):
        everywhere = pl.Series("sku_code", [None], dtype=pl.String).new_from_index(0, batch.size)
        resolved = everywhere.scatter(places, found)
        by_alias = filled(resolved)
        batch.put("sku_code", choose(by_alias, resolved, codes))
        batch.packs = _packs(batch, batch.columns["sku_code"])
        batch.mend("DQ-10", "sku_code", by_alias & batch.packs.known, codes, "the product was found by its alias")
        unknown = unknown & ~batch.packs.known
    if unknown.any():
        _set_aside(batch, codes, unknown)


def _set_aside(batch: Batch, codes: pl.Series, unknown: Mask) -> None:
    rest = unknown & ~_misread(batch, codes, unknown)
    names, index = batch.get(NAME), batch.door.directory.sku.names
    if names is not None and len(index):
        distinct = sorted({name for name in names.filter(pl.Series(rest)).to_list() if name})
        for name in distinct[:MAX_PROPOSALS]:
            nearest = index.nearest(name)
            if nearest is not None:
                called = hits(names == name) & rest
                batch.find("DQ-10", Severity.QUARANTINE, "sku_code", called, PROPOSED.format(*nearest))
                rest &= ~called
    batch.find("DQ-10", Severity.QUARANTINE, "sku_code", rest, UNKNOWN)


def _misread(batch: Batch, codes: pl.Series, unknown: Mask) -> Mask:
    bars = {code for code in codes.filter(pl.Series(unknown)).to_list() if code and looks_like_ean_13(code)}
    wrong = {code for code in bars if not is_ean_13(code)}
    if not wrong:
        return batch.nowhere()
    misread = unknown & np.array([code in wrong for code in codes.to_list()], dtype=np.bool_)
    message = "the check digit of the barcode is wrong; scan it again, or correct the code"
    batch.find("DQ-10", Severity.QUARANTINE, "sku_code", misread, message)
    return misread


RULE = Rule(
    id="DQ-10",
    severity=Severity.QUARANTINE,
    order=31,
    doc="The product is known by code, alias, EAN-13 barcode or approved name; a similar name is proposed.",
    check=check,
    concerns=lambda kind: not kind.is_master and kind.field("sku_code") is not None,
)
