"""The supervisor with these stand-ins in place of the services and the gateway."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import deploy.catch_up
import deploy.local

HERE = Path(__file__).parent

if __name__ == "__main__":
    deploy.local.ROOT = HERE  # where `python -m services.NAME` and `python -m gateway` are looked up
    # The stand-ins make no events that would follow each other: there is no pause between two of them to sit out.
    deploy.catch_up.catch_up = partial(deploy.catch_up.catch_up, quiet_s=0.3)  # before deploy.market takes it
    sys.exit(deploy.local.main(["--pack", str(HERE / "pack"), *sys.argv[1:]]))
