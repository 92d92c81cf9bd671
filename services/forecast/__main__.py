"""`python -m services.forecast`."""

from __future__ import annotations

from chassis.app import run
from services.forecast.app import app
from services.forecast.settings import ForecastSettings

if __name__ == "__main__":
    settings = ForecastSettings()
    run("forecast", app, settings, settings.common)
