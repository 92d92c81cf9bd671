"""Cuts from the one lock what a process needs: `python lock_of.py requirements.lock wanted.txt > service.lock`.

`wanted.txt` names the packages (`name==version`, one a line); versions, markers and hashes come from the lock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")


class NotLocked(LookupError):
    """A wanted package does not stand in the lock: make the lock anew."""


def blocks_of(lock: str) -> dict[str, list[str]]:
    """The lock's entries by normalised name (PEP 503): a name may have one entry per marker."""
    blocks: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if name := _name_of(block):
            blocks.setdefault(name, []).append(block.rstrip())
    return blocks


def cut(lock: str, wanted: Iterable[str]) -> str:
    """The entries of the wanted packages; raises NotLocked."""
    blocks = blocks_of(lock)
    names = sorted({name for line in wanted if (name := _name_of(line))})
    if missing := [name for name in names if name not in blocks]:
        raise NotLocked(f"not in the lock: {', '.join(missing)}; run `make lock`")
    return "".join(f"{block}\n" for name in names for block in blocks[name])


def _name_of(line: str) -> str | None:
    found = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else None


if __name__ == "__main__":
    sys.stdout.write(cut(Path(sys.argv[1]).read_text(), Path(sys.argv[2]).read_text().splitlines()))
