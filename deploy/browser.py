"""Finds Chromium for the browser tests, or installs it where root and apt are at hand: `make browser`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "fonts-wqy-microhei")


def find_browser() -> str | None:
    """Path of an installed Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """0 when a browser is there, or may be missing; 1 when it is missing and CI is set."""
    if find_browser():
        return 0
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("installing Chromium for the browser tests")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *PACKAGES]):
            subprocess.run([apt, *command], check=False, stdout=subprocess.DEVNULL, env=environment)
    if find_browser():
        return 0
    print("NO CHROMIUM: the browser tests will be skipped; install Chromium to run them", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
