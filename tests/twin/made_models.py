"""Models that tests write as a customer would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.twin.domain.model_documents import Element, elements_in, read_models
from services.twin.domain.types import Types, shipped_elements, types_of

CONTEXT = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]


def made(dtmi: str, *contents: Any, **more: Any) -> dict[str, Any]:
    """An interface of these contents."""
    return {"@context": CONTEXT, "@id": dtmi, "@type": "Interface", "contents": list(contents), **more}


def prop(name: str, schema: Any = "string", **more: Any) -> dict[str, Any]:
    return {"@type": "Property", "name": name, "schema": schema, **more}


def relationship(name: str, target: str | None = None, **more: Any) -> dict[str, Any]:
    aimed = {"target": target} if target else {}
    return {"@type": "Relationship", "name": name, **aimed, **more}


def component(name: str, schema: str) -> dict[str, Any]:
    return {"@type": "Component", "name": name, "schema": schema}


def types_with(*interfaces: dict[str, Any]) -> Types:
    """The shipped types, and these."""
    elements: list[Element] = [*shipped_elements(), *elements_in(list(interfaces))]
    return Types(types_of(*read_models(elements)))


def written(folder: Path, **files: str) -> Path:
    """The folder with these files, `.json` added to their names."""
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder
