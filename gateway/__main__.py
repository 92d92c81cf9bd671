"""`python -m gateway`."""

from __future__ import annotations

from chassis.app import run
from gateway.app import app
from gateway.settings import GatewaySettings

if __name__ == "__main__":
    settings = GatewaySettings()
    run("gateway", app, settings, settings.common)
