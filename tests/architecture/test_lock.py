"""What is installed is pinned by hash, and no file names where it comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_requirement_has_a_hash_and_no_address():
    for name in ("requirements.lock", "requirements-uv.lock"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^[a-z0-9][\w.\-]*(?:\[[\w,\-]+\])?==\S+", text, re.MULTILINE)
        blocks = re.split(r"\n(?=[a-z0-9])", text.strip())

        assert pinned
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in text


def test_the_npm_lock_names_no_download_address():
    lock = json.loads((ROOT / "clients/console/package-lock.json").read_text())

    assert len(lock["packages"]) > 1
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert not [name for name, package in lock["packages"].items() if name and "integrity" not in package]


def test_uv_lock_is_not_kept():
    assert not (ROOT / "uv.lock").exists()
