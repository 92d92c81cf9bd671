"""The environment of the peers, from its own lock: never a part of the house. Kept between runs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
LIMIT_S = 600


class CannotInstall(Exception):
    """Says what did not work."""


def peers_python(folder: Path) -> Path:
    """The interpreter of an environment that has all peers; installed anew where the lock changed."""
    home = folder / f"twin-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"installing the peers into {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK)], home)
        (home / "ready").touch()
    return python


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=LIMIT_S, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotInstall(f"{' '.join(command[:4])}: {type(error).__name__}") from None
