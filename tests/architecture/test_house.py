"""The house keeps its shape: same rooms in every service, nothing too large, one direction."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "twin", "profile", "forecast", "recommend")
SOURCES = ("chassis", "services", "gateway", "deploy", "demo")
ROOMS = ("__main__", "app", "settings", "domain", "usecases", "store", "rpc", "consumers", "migrations")
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
CHASSIS_MODULES = {
    "app",
    "bus",
    "connections",
    "db",
    "documents",
    "errors",
    "json_texts",
    "outbox",
    "passing",
    "pull",
    "replay",
    "rpc",
    "settings",
    "telemetry",
    "testing",
}
BUSINESS_WORDS = re.compile(
    r"\b(twin|retailer|sku|forecast|recommend|profile|ingest|order|region|price|wecom|cigarette)s?\b", re.IGNORECASE
)


def _modules() -> Iterator[Path]:
    for folder in (*SOURCES, "tests", "bench"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str):
    folder = ROOT / "services" / service

    missing = [room for room in ROOMS if not (folder / f"{room}.py").exists() and not (folder / room).is_dir()]

    assert missing == []
    assert (folder / "README.md").exists()


def test_no_module_is_longer_than_400_lines():
    long = {_name(path): n for path in _modules() if (n := len(path.read_text().splitlines())) > MAX_MODULE_LINES}

    assert long == {}


def test_no_function_is_longer_than_60_lines():
    long = {}
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{_name(path)}:{node.name}"] = lines

    assert long == {}


def test_no_console_file_is_longer_than_400_lines():
    files = [p for p in (ROOT / "clients/console/src").rglob("*") if p.suffix in {".ts", ".tsx", ".css"}]

    long = {_name(path): n for path in files if (n := len(path.read_text().splitlines())) > MAX_MODULE_LINES}

    assert files
    assert long == {}


def test_modules_are_named_after_topics():
    vague = {"helpers", "utils", "util", "common", "misc", "manager", "managers"}

    assert [_name(path) for path in _modules() if path.stem in vague] == []


def test_the_chassis_has_its_modules_and_no_business_word():
    modules = {path.stem for path in (ROOT / "chassis").glob("*.py")} - {"__init__"}
    found = {
        f"{_name(path)}:{number}": match.group()
        for path in (ROOT / "chassis").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := BUSINESS_WORDS.search(line)) and not _is_a_sequence(match.group(), line, path)
    }

    assert modules == CHASSIS_MODULES
    assert found == {}


def _is_a_sequence(word: str, line: str, path: Path) -> bool:
    """Whether `order` is the one that things stand in: the query language speaks of no other."""
    is_sorting = path.parent.name == "rql" and word.lower() == "order"
    return is_sorting or bool(re.search(r"in order|, order|order of|order\"|order_by|ORDER BY|order,|same order", line))


def test_events_flow_forward_only():
    """Which service hears which, from the subjects its consumers name: the graph has no cycle."""
    hears: dict[str, set[str]] = {}
    for service in SERVICES:
        text = "".join(path.read_text() for path in (ROOT / "services" / service).rglob("consumers*.py"))
        hears[service] = {owner for owner in SERVICES if f"marketwin.{owner}.v1" in text and owner != service}

    assert hears["recommend"]
    assert _cycle(hears) is None


def _cycle(graph: dict[str, set[str]]) -> list[str] | None:
    def walk(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path, node]
        return next((found for following in graph[node] if (found := walk(following, [*path, node]))), None)

    return next((found for node in graph if (found := walk(node, []))), None)


def test_no_source_holds_a_leftover():
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")

    found = [_name(path) for path in _modules() if path != Path(__file__) and marks.search(path.read_text())]

    assert found == []


def test_a_type_ignore_says_which_rule_and_why():
    bare = re.compile(r"# type: ignore(?!\[[\w\-, ]+\])|# type: ignore\[[\w\-, ]+\]\s*$")

    found = [
        f"{_name(path)}:{number}"
        for path in _modules()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]

    assert found == []


def test_every_log_event_is_declared_in_the_telemetry_document():
    declared = (ROOT / "docs/telemetry.md").read_text()
    logged = {
        event
        for path in _modules()
        if path.parts[len(ROOT.parts)] in SOURCES
        for event in re.findall(r"log\.(?:info|warning|error)\(\s*\"([a-z_.]+)\"", path.read_text())
    }

    assert len(logged) > 20
    assert sorted(event for event in logged if f"`{event}`" not in declared) == []
