"""Webhooks of sources: no token, the signature is the proof, and ingest checks it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request

from gateway.clients import Behind
from gateway.limits import Intake
from gateway.routes.records import RECORD_BODY
from gateway.schemas import Receipt
from gateway.views.records import receipt_view
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["records"])


@router.post("/webhooks/{connection}", status_code=202, response_model=Receipt, openapi_extra=RECORD_BODY)
async def receive_webhook(
    connection: Annotated[str, Path(max_length=64, description="Name of the connection")],
    request: Request,
    behind: Behind,
    x_marketwin_signature: Annotated[
        str, Header(max_length=100, description="Hex HMAC-SHA-256 over TIMESTAMP.BODY, with or without `sha256=`")
    ] = "",
    x_marketwin_timestamp: Annotated[str, Header(max_length=20, description="Seconds since 1970")] = "",
    x_marketwin_delivery: Annotated[
        str, Header(max_length=200, description="Id of the delivery, kept when sent again")
    ] = "",
) -> dict[str, Any]:
    """Takes in a signed body of a configured webhook; the receipt is given when its records are durable."""
    state = request.app.state
    state.webhooks_limit.take(request.client.host if request.client else "")
    intake: Intake = state.intake
    async with intake.body(request, state.settings.max_body_bytes) as body:
        taken = await behind.ingest.ReceiveWebhook(
            pb.ReceiveWebhookRequest(
                connection=connection,
                signature=x_marketwin_signature,
                timestamp=x_marketwin_timestamp,
                delivery_id=x_marketwin_delivery,
                content_type=request.headers.get("content-type", ""),
                body=body,
            )
        )
    return receipt_view(taken.receipt)
