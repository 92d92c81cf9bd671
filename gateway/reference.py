"""`/docs`: the API reference page. Swagger UI comes from a Python package, so the page loads nothing from outside."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from chassis.errors import NotFound

router = APIRouter(include_in_schema=False)

ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="robots" content="noindex, nofollow">
<title>Marketwin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# A file of its own: the content security policy runs no script that stands in a page.
START = """SwaggerUIBundle({
  url: "api/v1/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
  onComplete: () => { window.__ready = true; },
});
"""


@router.get("/docs")
async def page() -> Response:
    """The page."""
    _folder()
    return HTMLResponse(PAGE)


@router.get("/docs/start.js")
async def start() -> Response:
    """What the page runs."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """A part of Swagger UI."""
    if name not in ASSETS:
        raise NotFound("the reference page has no such part")
    return FileResponse(_folder() / name, media_type=ASSETS[name])


def _folder() -> Path:
    try:
        package: Any = files("fastapi_offline")
    except ModuleNotFoundError:
        raise NotFound("the reference page is not installed; install the package fastapi-offline") from None
    return Path(package) / "static"
