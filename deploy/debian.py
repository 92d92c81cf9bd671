"""Finds what the tests need from Debian, or installs it where root and apt are at hand: `make peers`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that tests talk to."""

    what: str
    names: tuple[str, ...]
    packages: tuple[str, ...]

    def find(self) -> str | None:
        """Path of the installed program, or None."""
        # Debian keeps servers where the path of a plain user does not look.
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
        return next((found for name in self.names if (found := shutil.which(name, path=path))), None)


BROWSER = Peer("Chromium", ("chromium", "chromium-browser", "google-chrome"), ("chromium", "fonts-wqy-microhei"))
BROKER = Peer("an MQTT 5 broker (mosquitto)", ("mosquitto",), ("mosquitto",))
PEERS = (BROWSER, BROKER)


def find_browser() -> str | None:
    """Path of an installed Chromium, or None."""
    return BROWSER.find()


def find_broker() -> str | None:
    """Path of an installed MQTT broker, or None."""
    return BROKER.find()


def main() -> int:
    """0 when all are there, or may be missing; 1 when one is missing and CI is set."""
    missing = [peer for peer in PEERS if peer.find() is None]
    apt = shutil.which("apt-get")
    if missing and apt and os.geteuid() == 0:
        _install(apt, missing)
        missing = [peer for peer in PEERS if peer.find() is None]
    for peer in missing:
        print(f"NO {peer.what}: its tests will be skipped; install {peer.packages[0]} to run them", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") else 0


def _install(apt: str, peers: list[Peer]) -> None:
    print(f"installing {' and '.join(peer.what for peer in peers)} for the tests")
    packages = [package for peer in peers for package in peer.packages]
    # A package that starts a server of its own must not: the tests start theirs.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
        subprocess.run([apt, *command], check=False, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    sys.exit(main())
