"""Every command that a document shows for a figure can be run: the bench is there, with the options that are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"`python (?:-m (bench[\w.]*)|(bench/[\w/]+\.py))([^`]*)`")
MAKE = re.compile(r"`make ([a-z][a-z-]*)")


def _documents() -> list[Path]:
    found = [path for folder in ("docs", "services", "chassis", "news") for path in (ROOT / folder).rglob("*.md")]
    return sorted([*found, *ROOT.glob("*.md")])


def _shown() -> list[tuple[str, str, str]]:
    """Document, file of the bench, and what stands behind it."""
    shown = []
    for document in _documents():
        for module, file, rest in COMMAND.findall(document.read_text(encoding="utf-8")):
            path = file or module.replace(".", "/")
            if not file:
                path = f"{path}/__main__.py" if (ROOT / path).is_dir() else f"{path}.py"
            shown.append((str(document.relative_to(ROOT)), path, rest))
    return shown


@pytest.mark.parametrize(("document", "path", "rest"), _shown())
def test_a_bench_that_a_document_shows_is_there_with_its_options(document: str, path: str, rest: str):
    bench = ROOT / path

    assert bench.is_file(), f"{document} shows {path}"
    for option in re.findall(r"--[a-z-]+", rest):
        assert f'"{option}"' in bench.read_text(encoding="utf-8"), f"{document} shows {option} of {path}"


def test_documents_show_benches_of_twins_and_of_the_door():
    benches = {path for _, path, _ in _shown()}

    assert {"bench/twin/search.py", "bench/ingest/clean.py"} <= benches


def test_every_make_command_that_a_document_names_exists():
    listed = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {(str(path), name) for path in _documents() for name in MAKE.findall(path.read_text(encoding="utf-8"))}

    assert {name for _, name in named} >= {"bench-twin"}
    assert {(path, name) for path, name in named if name not in listed} == set()
