"""The commands that the READMEs show do what they say."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack

ROOT = Path(__file__).parents[2]


def _blocks(name: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_example_of_sending_a_record_works_as_printed(stack: Stack, name: str):
    example = next(block for block in _blocks(name) if "curl" in block)
    # The one thing that differs here from a person's terminal: where the stack keeps its files.
    example = example.replace("make -s token", f'make -s token ARGS="--home {stack.home}"')
    example = example.replace(".marketwin/run.json", f"{stack.home}/run.json")

    done = subprocess.run(["bash", "-ec", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    decoder = json.JSONDecoder()
    receipt, end = decoder.raw_decode(done.stdout)
    twin, _ = decoder.raw_decode(done.stdout[end:].lstrip())
    assert receipt["accepted"] + receipt["duplicates"] == 1
    assert twin["id"] == "retailer:R0001"
    assert twin["properties"]["name"] == "老王商店"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_every_make_command_that_is_shown_exists(name: str):
    listed = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"\bmake (?:-s )?([a-z][a-z-]*[a-z])", (ROOT / name).read_text()))

    assert {"run", "test"} <= shown or name == "CONTRIBUTING.md"
    assert shown - {"and"} <= listed


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/promises.md"]
)
def test_every_link_leads_somewhere(name: str):
    page = ROOT / name

    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())

    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
