"""DQ-34: an age or a birth date is never kept, and a minor has no link to a sale."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.columns import choose, empty
from services.ingest.domain.schemas.fields import FieldType
from services.ingest.domain.values import text

OF_AGE = 18
LINKS = ("consumer_key", "phone_token", "consent_ref")
_AGE = re.compile(r"([0-9]{1,3})(?:岁|周岁|years?)?")
_BORN = re.compile(r"((?:19|20)[0-9]{2})(?:[-/.年]?([0-9]{1,2})(?:[-/.月]?([0-9]{1,2})日?)?)?月?")
_ID_NUMBER = re.compile(r"[0-9]{6}((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})[0-9]{3}[0-9Xx]")


def check(batch: Batch) -> None:
    ages = [values for field in batch.kind.of_type(FieldType.AGE) if (values := batch.pop(field.name)) is not None]
    if not ages:
        return
    today = batch.door.now.astimezone(batch.door.zone).date()
    minor = batch.nowhere()
    for values in ages:
        if values.null_count() < batch.size:
            words = {word: is_minor(word, today) for word in text.tidy(values, widths=True).unique().to_list() if word}
            tidied = text.tidy(values, widths=True).to_list()
            minor = minor | np.array([words.get(word, False) for word in tidied], dtype=np.bool_)
    if not minor.any():
        return
    for name in LINKS:
        links = batch.get(name)
        if links is not None:
            batch.put(name, choose(minor, empty(pl.String(), batch.size), links))
    batch.mend("DQ-34", "consumer_key", minor, None, "a minor: the link to the consumer was dropped")


def is_minor(word: str, today: date) -> bool:
    """Whether an age, a birth date or year, or an ID number says that somebody is younger than 18.

    A date without day or month counts as the last one it can be: in doubt a person is younger.
    """
    if age := _AGE.fullmatch(word):
        return int(age[1]) < OF_AGE
    born = _ID_NUMBER.fullmatch(word) or _BORN.fullmatch(word)
    if born is None:
        return False
    year, month, day = int(born[1]), int(born[2] or 12), int(born[3] or 31)
    return (today.year - year) - ((today.month, today.day) < (month, day)) < OF_AGE


RULE = Rule(
    id="DQ-34",
    severity=Severity.REPAIR,
    order=4,
    doc="Ages and birth dates are dropped unread by others; a minor's sale loses consumer, phone and consent.",
    check=check,
    concerns=lambda kind: bool(kind.of_type(FieldType.AGE)),
)
