"""A webhook: the cloud of a POS posts signed bodies to the gateway (`sources/webhooks.py` takes them)."""

from __future__ import annotations

from typing import Any

from services.ingest.sources.connection import Connector, Option

MIN_SECRET_CHARS = 16


def _long_enough(secrets: list[Any]) -> str:
    is_short = any(len(secret.get_secret_value()) < MIN_SECRET_CHARS for secret in secrets)
    return f"must hold at least {MIN_SECRET_CHARS} characters each" if is_short else ""


CONNECTOR = Connector(
    type="webhook",
    doc="Signed bodies that a cloud posts to /api/v1/webhooks/NAME.",
    options={
        "secrets": Option(
            type="secrets",
            required=True,
            check=_long_enough,
            doc="Variables with the secrets that sign; several while they are changed.",
        ),
        "window_s": Option(
            type="number", minimum=1, maximum=3600, default=300.0, doc="How old or early a timestamp may be, seconds."
        ),
    },
    run=None,
)
