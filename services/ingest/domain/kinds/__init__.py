"""The registry of record kinds: every module of this package holds one as `KIND`; adding a kind is adding a file."""

from __future__ import annotations

import importlib
import pkgutil

from services.ingest.domain.schemas.fields import Kind


def _found() -> dict[str, Kind]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    kinds = [module.KIND for module in modules]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: kind.name)}


KINDS: dict[str, Kind] = _found()
