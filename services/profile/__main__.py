"""`python -m services.profile`."""

from __future__ import annotations

from chassis.app import run
from services.profile.app import app
from services.profile.settings import ProfileSettings

if __name__ == "__main__":
    settings = ProfileSettings()
    run("profile", app, settings, settings.common)
