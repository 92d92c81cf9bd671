"""The registry of cleaning rules: every module of this package holds one as `RULE`; adding a rule is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from services.ingest.domain.cleaning.batch import Severity
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.schemas.fields import Kind


@dataclass(frozen=True, slots=True)
class Described:
    """A rule that looks at more, or at less, than the records of a batch."""

    id: str
    severity: Severity
    doc: str


ELSEWHERE = (
    Described("DQ-03", Severity.REPAIR, "A body is read in its charset; byte order marks and mixed line ends go."),
    Described(
        "DQ-26",
        Severity.WARN,
        "What several sources say of one stock is fused by reliability and recency in the report `contradictions`, "
        "with inputs and spread; in the book both sides are set aside (DQ-05) until a person has decided.",
    ),
    Described("K-08", Severity.WARN, "A work order yields at most 105 % of its plan; `output_plan` has those above."),
    Described("DQ-40", Severity.WARN, "A day with less than 90 % of the usual records of a source is partial."),
)
"""domain/decode/charset.py, domain/keeping/fusion.py, domain/keeping/completeness.py."""


def _found() -> tuple[Rule, ...]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.order))


RULES: tuple[Rule, ...] = _found()


_OF_KIND: dict[str, tuple[Kind, tuple[Rule, ...]]] = {}


def rules_of(kind: Kind) -> tuple[Rule, ...]:
    """The rules that may have something to say of a kind, in their order."""
    found = _OF_KIND.get(kind.name)
    if found is None or found[0] is not kind:
        found = _OF_KIND[kind.name] = (kind, tuple(rule for rule in RULES if rule.concerns(kind)))
    return found[1]
