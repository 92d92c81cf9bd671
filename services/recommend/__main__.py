"""`python -m services.recommend`."""

from __future__ import annotations

from chassis.app import run
from services.recommend.app import app
from services.recommend.settings import RecommendSettings

if __name__ == "__main__":
    settings = RecommendSettings()
    run("recommend", app, settings, settings.common)
