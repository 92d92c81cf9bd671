"""Keys change, and whoever was known under an old one can still be found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.ingest.domain.privacy.tokens import TokenKey
from services.ingest.settings import IngestSettings

ROOT = Path(__file__).parents[2]
OLD, NEW = "o" * 32, "n" * 32
PHONE = "13512345678"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "k1").write_text(OLD)
    (tmp_path / "new").write_text(NEW + "\n")
    return tmp_path


def test_the_newest_key_makes_tokens_and_all_keys_find_them(keys: Path):
    settings = IngestSettings(token_key_file=keys / "new", token_key_version="k2", older_token_keys=f"{keys / 'k1'},")

    found = settings.token_keys().tokens_of(PHONE)

    assert found == [TokenKey("k2", NEW.encode()).token(PHONE), TokenKey("k1", OLD.encode()).token(PHONE)]
    assert settings.tokens().token(PHONE) == found[0]


def test_two_keys_of_one_version_are_refused(keys: Path):
    settings = IngestSettings(token_key_file=keys / "new", older_token_keys=str(keys / "k1"))

    with pytest.raises(ValueError, match="one version"):
        settings.token_keys()


def test_a_number_is_turned_into_its_tokens_without_standing_in_a_command(keys: Path):
    given = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "INGEST_TOKEN_KEY_FILE": str(keys / "new"),
        "INGEST_TOKEN_KEY_VERSION": "k2",
        "INGEST_OLDER_TOKEN_KEYS": str(keys / "k1"),
    }

    told = subprocess.run(
        [sys.executable, "-m", "services.ingest.tokens"],
        input=PHONE + "\n",
        env=given,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert [line.split(":")[0] for line in told.stdout.splitlines()] == ["k2", "k1"]
    assert PHONE not in told.stdout + told.stderr
