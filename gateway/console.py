"""The built console as static files."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

YEAR = "public, max-age=31536000, immutable"


class Console(StaticFiles):
    """Files with a hash in their name are kept by the browser; the page itself is asked for each time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = YEAR if path.startswith("assets") else "no-cache"
        return response
