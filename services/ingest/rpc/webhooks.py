"""Signed bodies from outside."""

from __future__ import annotations

from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest.sources.webhooks import Delivery, Webhooks
from services.ingest.wire import receipt_message


class WebhookDeliveries:
    """The method of the webhooks."""

    _webhooks: Webhooks

    async def ReceiveWebhook(self, request: pb.ReceiveWebhookRequest, context: Any) -> pb.ReceiveWebhookResponse:
        delivery = Delivery(
            connection=request.connection,
            signature=request.signature,
            timestamp=request.timestamp,
            delivery_id=request.delivery_id,
            content_type=request.content_type,
            content=request.body,
        )
        return pb.ReceiveWebhookResponse(receipt=receipt_message(await self._webhooks.receive(delivery)))
