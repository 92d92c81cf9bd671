"""The registry of cleaning rules: every module of this package holds one as `RULE`; adding a rule is adding a file."""

from __future__ import annotations

import importlib
import pkgutil

from services.ingest.domain.rule import Rule


def _found() -> tuple[Rule, ...]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.order))


RULES: tuple[Rule, ...] = _found()
