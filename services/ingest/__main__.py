"""`python -m services.ingest`."""

from __future__ import annotations

from chassis.app import run
from services.ingest.app import app
from services.ingest.settings import IngestSettings

if __name__ == "__main__":
    settings = IngestSettings()
    run("ingest", app, settings, settings.common)
