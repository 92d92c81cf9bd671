"""What a measured thing cost the processor beside this process."""

from __future__ import annotations

import os
from pathlib import Path


def postgres_cpu_s(postmaster: int) -> float:
    """CPU of the database server: its processes that live, and those that ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if path.parent.name == str(postmaster):
            ticks += sum(map(int, fields[11:15]))
        elif fields[1] == str(postmaster):
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
