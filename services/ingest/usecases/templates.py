"""Templates to fill in."""

from __future__ import annotations

from chassis.errors import Invalid, Problem
from services.ingest.domain.schemas.templates import FORMATS, template
from services.ingest.usecases.taking_in import known_kind


def make_template(kind: str, form: str) -> tuple[bytes, str]:
    """The template of a kind and its content type; raises NotFound for an unknown kind, Invalid for another format."""
    known = known_kind(kind)
    if form not in FORMATS:
        raise Invalid("the format is unknown", errors=[Problem("/format", "format", f"use {' or '.join(FORMATS)}")])
    return template(known, form), FORMATS[form]
