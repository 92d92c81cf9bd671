"""The connectors: every module of this package holds one as `CONNECTOR`; adding a type of source is adding a file."""

from __future__ import annotations

import importlib
import pkgutil

from services.ingest.sources.connection import Connector


def _found() -> dict[str, Connector]:
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    connectors = [module.CONNECTOR for module in modules if hasattr(module, "CONNECTOR")]
    return {connector.type: connector for connector in sorted(connectors, key=lambda each: each.type)}


CONNECTORS: dict[str, Connector] = _found()
