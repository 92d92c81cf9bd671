"""The console builds from its lock, and what it builds asks nobody outside for anything."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.console.conftest import CONSOLE

# Names of XML namespaces look like addresses and are never fetched.
NAMESPACES = re.compile(r"https?://www\.w3\.org/(?:1998/Math/MathML|1999/xhtml|1999/xlink|2000/svg|XML/1998/namespace)")
ADDRESS = re.compile(r"(?:https?:)?//[\w-]+(?:\.[\w-]+)+[^\s\"'`)]*")
# How a script or a style sheet can make a browser load something.
LOADS = re.compile(
    r"""(?:\bfetch\(|\bimport\(|\bfrom\s?|\bimport\s?|\bimportScripts\(|new\s+Worker\(|new\s+WebSocket\(|"""
    r"""new\s+EventSource\(|\.src\s?=|\.href\s?=|url\(|@import\s)\s*["'`]?(?:https?:|wss?:)?//[\w-]+\.""",
)


def test_the_lock_holds_hashes_and_no_download_addresses() -> None:
    lock = json.loads((CONSOLE / "package-lock.json").read_text())

    packages = {path: entry for path, entry in lock["packages"].items() if path}

    assert packages
    assert [path for path, entry in packages.items() if "resolved" in entry] == []
    assert [path for path, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []


def test_npm_is_told_to_keep_addresses_out_of_the_lock() -> None:
    settings = (CONSOLE / ".npmrc").read_text().split()

    assert "omit-lockfile-registry-resolved=true" in settings
    assert not [line for line in settings if line.startswith("registry")]


def test_the_versions_of_all_direct_dependencies_are_exact() -> None:
    package = json.loads((CONSOLE / "package.json").read_text())

    wanted = package["dependencies"] | package["devDependencies"]

    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_page_works_under_any_path_and_is_kept_out_of_search_engines(dist: Path) -> None:
    page = (dist / "index.html").read_text()

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert loaded
    assert [address for address in loaded if not address.startswith("./")] == []
    assert [address for address in loaded if not (dist / address).is_file()] == []
    assert re.search(r'<meta name="robots" content="[^"]*noindex', page)


def test_the_browser_is_told_to_refuse_anything_from_outside(dist: Path) -> None:
    page = (dist / "index.html").read_text()

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)

    assert policy is not None
    rules = html.unescape(policy[1])
    assert "default-src 'self'" in rules
    assert "unsafe-eval" not in rules
    assert ADDRESS.findall(rules) == []


def test_pages_and_styles_hold_no_outside_address(dist: Path) -> None:
    files = [path for path in dist.rglob("*") if path.suffix in {".html", ".css", ".svg"}]

    outside = {path.name: ADDRESS.findall(NAMESPACES.sub("", path.read_text())) for path in files}

    assert {path.suffix for path in files} >= {".html", ".css"}
    assert {name: found for name, found in outside.items() if found} == {}


def test_scripts_load_nothing_from_outside(dist: Path) -> None:
    scripts = list(dist.rglob("*.js"))

    outside = {path.name: [found[0] for found in LOADS.finditer(path.read_text())] for path in scripts}

    assert scripts
    assert {name: found for name, found in outside.items() if found} == {}


def test_the_build_holds_only_pages_styles_scripts_and_the_sign(dist: Path) -> None:
    kinds = {path.suffix for path in dist.rglob("*") if path.is_file()}

    assert kinds == {".html", ".css", ".js", ".svg"}


@pytest.mark.parametrize(
    "text",
    [
        'fetch("https://cdn.example.com/font.woff")',
        'import x from "https://esm.example.com/x.js"',
        "url(//fonts.example.com/a.woff2)",
        'i.src="http://tracker.example.com/pixel.gif"',
    ],
)
def test_the_search_for_loads_finds_what_it_looks_for(text: str) -> None:
    assert LOADS.search(text)
