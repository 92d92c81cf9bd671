"""DQ-11 for entries of the WeCom book: the shop is found by licence, a damaged licence, or its name in the county."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import choose, empty, filled
from services.ingest.domain.known.shops import Entry

NOBODY = "no shop has this licence or name; correct custom_id in WeCom, or give retailer_code"
PERHAPS = "it may be {}: give retailer_code, or correct custom_id in WeCom"


def check(batch: Batch) -> None:
    listed = batch.get("is_listed")
    codes = batch.get("retailer_code")
    given = batch.present("retailer_code")
    wanted = ~given if listed is None else ~given & listed.fill_null(value=True).to_numpy()
    places = np.flatnonzero(wanted)
    columns = [_texts(batch, name, places) for name in ("corp_name", "custom_id", "county")]
    entries = [Entry(*texts) for texts in zip(*columns, strict=True)]
    matches = batch.door.directory.shops().join(entries)
    # scatter writes into the column it is called on.
    found = empty(pl.String(), batch.size).scatter(places, [match.code or None for match in matches])
    told = empty(pl.String(), batch.size).scatter(places, [match.by or None for match in matches])
    by_code = pl.Series(["code"], dtype=pl.String).new_from_index(0, batch.size)
    batch.put("matched_by", choose(given, by_code, told))
    batch.put("retailer_code", found if codes is None else choose(given, codes, found))
    _set_aside(batch, places, [match.candidates for match in matches], filled(found))


def _texts(batch: Batch, name: str, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    values = batch.get(name)
    return [""] * len(places) if values is None else [text or "" for text in values.gather(places).to_list()]


def _set_aside(
    batch: Batch,
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
    candidates: list[tuple[str, ...]],
    known: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> None:
    """A finding for each set of candidates, so that a person sees whom the entry may be."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, shops in zip(places.tolist(), candidates, strict=True):
        if not known[place]:
            groups.setdefault(shops, []).append(place)
    for shops, at in groups.items():
        mask = np.zeros(batch.size, dtype=np.bool_)
        mask[at] = True
        message = PERHAPS.format(" or ".join(shops)) if shops else NOBODY
        batch.find("DQ-11", Severity.QUARANTINE, "custom_id", mask, message)


RULE = Rule(
    id="DQ-11",
    severity=Severity.QUARANTINE,
    order=29,
    doc="An entry of the WeCom book is one shop: by licence, a damaged licence, or its name within the county.",
    check=check,
    concerns=kinds("wecom_contact"),
)
