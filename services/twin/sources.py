"""The folder of a customer's models, read at start; whatever is wrong in it is told at once."""

from __future__ import annotations

from pathlib import Path

from chassis.errors import Problem
from services.twin.domain.model_documents import MOST_BYTES, Element, ModelFaults, elements_of


def read_folder(folder: Path | None) -> list[Element]:
    """The interfaces of all `*.json` files below a folder, in the order of their names."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise ModelFaults([Problem(str(folder), "no-folder", "TWIN_MODELS must name a folder")])
    found: list[Element] = []
    problems: list[Problem] = []
    for path in sorted(folder.rglob("*.json")):
        name = str(path.relative_to(folder))
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        try:
            found += elements_of(text, document=name)
        except ModelFaults as faults:
            problems += faults.errors
    if problems:
        raise ModelFaults(problems)
    return found
