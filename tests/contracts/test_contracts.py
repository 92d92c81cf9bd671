"""Contracts are promises: nothing that was published is taken back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway import asyncapi
from gateway.web import routes

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / "protos" / "baseline.binpb"
BIN = Path(sys.executable).parent


def _run(*command: str | Path, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_follow_the_lint_rules():
    _run(BIN / "buf", "lint")


def test_nothing_published_was_taken_back():
    _run(BIN / "buf", "breaking", "--against", BASELINE)


def test_taking_something_back_would_be_noticed(tmp_path: Path):
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    contract = tmp_path / "protos/marketwin/ingest/v1/types.proto"
    contract.write_text(contract.read_text().replace("uint32 accepted = 2;", "uint32 taken = 2;"))

    done = subprocess.run(
        [BIN / "buf", "breaking", "--against", BASELINE], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode != 0


def test_generated_code_is_that_of_the_contracts(tmp_path: Path):
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos").rglob("*.proto"))
    for kind in ("", "grpc_"):
        _run(sys.executable, "-m", "grpc_tools.protoc", "-I", "protos", f"--{kind}python_out={tmp_path}", *sources)

    for made in tmp_path.rglob("*.py"):
        kept = ROOT / "protos" / made.relative_to(tmp_path)
        if made.name.endswith("_grpc.py") and not made.name.startswith("service"):
            continue
        assert kept.read_text() == made.read_text(), f"run `make protos`: {kept.name} is stale"


def test_the_committed_rest_contract_is_the_served_one():
    committed = json.loads((ROOT / "gateway/openapi.json").read_text())

    assert routes().openapi() == committed, "run `make openapi` and look at the difference"


def test_the_rest_contract_is_valid_openapi_31():
    document = json.loads((ROOT / "gateway/openapi.json").read_text())

    OpenAPIV31SpecValidator(document).validate()

    assert document["openapi"].startswith("3.1")


def test_the_committed_contract_of_the_live_stream_is_the_served_one_and_whole():
    committed = json.loads((ROOT / "gateway/asyncapi.json").read_text())

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    assert asyncapi.document() == committed, "run `make openapi` and look at the difference"
    for reference in references(committed):
        found = committed
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_enum_values_never_start_with_a_digit():
    """Or clients in other languages cannot be generated."""
    text = (ROOT / "gateway/openapi.json").read_text()

    def walk(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [str(value) for value in node.get("enum", []) if str(value)[:1].isdigit()]
            return own + [each for value in node.values() for each in walk(value)]
        return [each for value in node for each in walk(value)] if isinstance(node, list) else []

    assert walk(json.loads(text)) == []


@pytest.mark.parametrize("path", ["/api/v1/records/{kind}", "/api/v1/twins/{twin_id}", "/api/v1/map/regions"])
def test_every_operation_answers_problems_and_asks_for_a_token(path: str):
    document = json.loads((ROOT / "gateway/openapi.json").read_text())

    for operation in document["paths"][path].values():
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert operation["security"] == [{"bearer": []}]
