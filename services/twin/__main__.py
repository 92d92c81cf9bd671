"""`python -m services.twin`."""

from __future__ import annotations

from chassis.app import run
from services.twin.app import app
from services.twin.settings import TwinSettings

if __name__ == "__main__":
    settings = TwinSettings()
    run("twin", app, settings, settings.common)
