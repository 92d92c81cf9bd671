"""The one Dockerfile, and the cut of the lock that an image installs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.lock_of import NotLocked, cut

ROOT = Path(__file__).parents[2]
LOCK = """\
annotated-types==0.7.0 \\
    --hash=sha256:aa
fastapi==0.115.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
numpy==2.2.0 ; python_full_version < '3.12' \\
    --hash=sha256:dd
numpy==2.4.0 ; python_full_version >= '3.12' \\
    --hash=sha256:ee
ruff==0.9.0 \\
    --hash=sha256:ff
"""


@pytest.fixture
def lines() -> list[str]:
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_there_is_a_stage_for_every_process_that_starts_it(lines: list[str]) -> None:
    stages: dict[str, list[str]] = {}
    for line in lines:
        if found := re.fullmatch(r"FROM (\S+)(?: AS (\S+))?", line):
            stages[found[2] or found[1]] = current = [line]
        elif stages:
            current.append(line)

    for name in ("ingest", "twin", "profile", "forecast", "recommend"):
        assert stages[name] == ["FROM base AS " + name, f'CMD ["python", "-m", "services.{name}"]']
    assert stages["gateway"][-1] == 'CMD ["python", "-m", "gateway"]'
    assert lines[-1] == "FROM ${SERVICE}"


def test_the_image_runs_as_a_user_without_rights_and_installs_by_hash_only(lines: list[str]) -> None:
    installs = [line for line in lines if "pip install" in line or ("npm" in line and line.startswith("RUN"))]

    assert "USER 10001:10001" in lines
    assert all("--require-hashes" in line or "npm ci" in line or "npm run" in line for line in installs)
    assert not [line for line in lines if re.match(r"FROM \S+:latest|FROM [a-z]+$", line)]


def test_everything_that_is_copied_exists_and_is_let_through(lines: list[str]) -> None:
    let_through = {
        line[1:] for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }

    copied = [
        path for line in lines if (found := re.match(r"COPY (?!--from)(.*) \S+$", line)) for path in found[1].split()
    ]

    assert len(copied) > 8
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path == allowed or path.startswith(f"{allowed}/") for allowed in let_through), path


def test_the_cut_keeps_versions_markers_and_hashes_of_what_is_wanted_and_nothing_else() -> None:
    wanted = ["FastAPI==0.115.0", "annotated_types==0.7.0", "numpy==2.4.0 ; python_full_version >= '3.12'", "# via x"]

    text = cut(LOCK, wanted)

    assert text == LOCK.replace("ruff==0.9.0 \\\n    --hash=sha256:ff\n", "")


def test_a_package_that_is_not_locked_is_refused() -> None:
    with pytest.raises(NotLocked, match="left-pad"):
        cut(LOCK, ["left-pad==1.0"])


def test_the_real_lock_can_be_cut() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    text = cut(lock, ["grpcio", "polars"])

    assert re.findall(r"^[a-z]+", text, re.MULTILINE) == ["grpcio", "polars"]
    assert text.count("--hash=sha256:") > 2
