"""The registry of cleaning rules: every module of this package holds one as `RULE`; adding a rule is adding a file."""

from __future__ import annotations

import importlib
import pkgutil

from services.ingest.domain.fields import Kind
from services.ingest.domain.rule import Rule

ELSEWHERE = {
    "DQ-03": "decoding: charset, byte order mark and line ends of a body (domain/decode/charset.py)",
    "DQ-26": "fusion of what several sources say of one fact (domain/fusion.py)",
    "DQ-40": "completeness of a source by day (domain/completeness.py)",
}
"""Rules that look at more, or at less, than the records of a batch."""


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
