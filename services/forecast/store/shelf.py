"""Model files in a folder, named by version."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class Shelf:
    """Keeps model files; a file is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, version: str, body: bytes) -> str:
        """Writes a model; returns the file's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{version}.model"
        partial = self._folder / f"{name}.part"
        with partial.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._folder / name)
        return name

    def get(self, name: str) -> bytes | None:
        """A model's content, or None when the file is gone."""
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None


def code_version(folder: Path) -> str:
    """A version of the code that decides what a model is: the digest of the sources below `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return f"code-{digest.hexdigest()[:12]}"
