"""Templates to fill in."""

from __future__ import annotations

from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases


class Templates:
    """The method of the templates."""

    async def GetTemplate(self, request: pb.GetTemplateRequest, context: Any) -> pb.GetTemplateResponse:
        content, content_type = usecases.make_template(request.kind, request.format)
        return pb.GetTemplateResponse(content=content, content_type=content_type)
