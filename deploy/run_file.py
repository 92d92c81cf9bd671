"""`.marketwin/run.json`: where the running local stack can be reached."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.children import write_private

HOME = Path(__file__).parents[1] / ".marketwin"


@dataclass(frozen=True, slots=True)
class RunFile:
    """Addresses, process ids and the data folder of a running stack."""

    gateway: str
    pids: dict[str, int]
    data: str
    wecom: str | None
    """The page of the WeCom stand-in; None where a real corp is configured."""


def write(home: Path, run: RunFile) -> None:
    """Tell scripts and clients that the stack is up; they see the whole file or none."""
    write_private(home / "run.json", json.dumps(asdict(run), indent=2) + "\n")


def read(home: Path) -> RunFile | None:
    """The running stack, or None."""
    try:
        return RunFile(**json.loads((home / "run.json").read_text()))
    except FileNotFoundError:
        return None


def remove(home: Path) -> None:
    (home / "run.json").unlink(missing_ok=True)
