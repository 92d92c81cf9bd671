"""The supervisor with these stand-ins in place of the services and the gateway."""

from __future__ import annotations

import sys
from pathlib import Path

import deploy.local

HERE = Path(__file__).parent

if __name__ == "__main__":
    deploy.local.ROOT = HERE  # where `python -m services.NAME` and `python -m gateway` are looked up
    sys.exit(deploy.local.main(["--pack", str(HERE / "pack"), *sys.argv[1:]]))
