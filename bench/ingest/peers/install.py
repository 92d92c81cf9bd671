"""The environments of the peers, from their own locks: never a part of the house. Kept between runs."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
LIMIT_S = 300


class CannotInstall(Exception):
    """Says what did not work."""


def bytewax_python(folder: Path) -> Path:
    """The interpreter of an environment that has bytewax."""
    home = folder / "bytewax"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        lock = str(HERE / "requirements.lock")
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", lock], home)
        (home / "ready").touch()
    return python


def node_red(folder: Path) -> Path:
    """The entry file of Node-RED."""
    home = folder / "node-red"
    entry = home / "node_modules" / "node-red" / "red.js"
    if not entry.exists():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (home / name).write_bytes((HERE / name).read_bytes())
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], home)
    return entry


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=LIMIT_S, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotInstall(f"{' '.join(command[:4])}: {type(error).__name__}") from None
