"""DQ-12: a licence number has its form, names a county that exists, and has not expired."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule, kinds
from services.ingest.domain.frames.columns import filled, hits

EXPIRED = "the licence has expired; the shop gets no messages"
MAX_DAYS = 5 * 366
LICENCE = r"^[1-6]\d{5}[12]\d{5}$"


def check(batch: Batch) -> None:
    licences = batch.get("license_no")
    if licences is not None:
        _check_number(batch, licences)
    ends = batch.get("license_valid_to")
    if ends is not None:
        today = np.datetime64(batch.door.now.astimezone(batch.door.zone).date())
        expired = filled(ends) & (ends.to_numpy() < today)
        batch.find("DQ-12", Severity.WARN, "license_valid_to", expired, EXPIRED)
        too_long = filled(ends) & (ends.to_numpy() > today + np.timedelta64(MAX_DAYS))
        message = "a licence is valid for at most five years; look at its last day"
        batch.find("DQ-12", Severity.WARN, "license_valid_to", too_long, message)
    states = batch.get("license_status")
    if states is not None:
        ended = filled(states) & ~hits(states == "valid")
        batch.find(
            "DQ-12", Severity.WARN, "license_status", ended, "the licence is not valid; the shop gets no messages"
        )


def _check_number(batch: Batch, licences: pl.Series) -> None:
    well_formed = hits(licences.str.contains(LICENCE))
    wrong = filled(licences) & ~well_formed
    batch.find("DQ-12", Severity.WARN, "license_no", wrong, "a licence number has 12 digits: county, form, serial")
    prefixes = {code[:6] for code in licences.to_list() if code}
    regions = batch.door.regions
    unknown = {prefix for prefix in prefixes if not regions.knows(prefix)}
    if unknown:
        hit = np.array([code is not None and code[:6] in unknown for code in licences.to_list()], dtype=np.bool_)
        batch.find("DQ-12", Severity.WARN, "license_no", hit & well_formed, "the county of the licence is not known")


RULE = Rule(
    id="DQ-12",
    severity=Severity.WARN,
    order=70,
    doc="Form, county, state and end of a licence; a miss is a mark, no refusal.",
    check=check,
    concerns=kinds("retailer"),
)
