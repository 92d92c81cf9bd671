"""WeCom as the use cases see it: a postman for cards."""

from __future__ import annotations

import structlog

from chassis.errors import Denied, Invalid, NotFound, Unavailable
from services.recommend.domain.limits import LIMITS
from services.recommend.usecases.ports import Delivered, Row
from services.recommend.wecom import (
    Audience,
    CardRecommendation,
    ConfigWrong,
    ContentClass,
    Sent,
    WeComClient,
    recommendation_card,
)

log = structlog.get_logger()
CONFIG_RETRY_S = 300.0


class WeComPostman:
    """Sends cards to account managers, who are staff (C-01)."""

    def __init__(self, client: WeComClient, console_url: str) -> None:
        self._client = client
        self._console_url = console_url.rstrip("/")

    async def send(self, task_id: str, user_id: str, recommendation: Row) -> Delivered:
        """Hands a card over. Nothing but a delivery counts as sent; what may succeed later is held."""
        try:
            card = {**recommendation_card(self._shown(recommendation)), "task_id": task_id}
            sent = await self._client.send_template_card(
                [user_id], card, audience=Audience.STAFF, content_class=ContentClass.RECOMMENDATION
            )
        except (Unavailable, Denied, Invalid, NotFound) as error:
            return _failed(error)
        return _delivered(sent)

    async def update(self, user_id: str, response_code: str, text: str) -> Delivered:
        """Replaces the buttons of a sent card. A response code that was used before means that it was done."""
        try:
            await self._client.update_template_card(
                [user_id],
                response_code,
                change=text,
                audience=Audience.STAFF,
                content_class=ContentClass.RECOMMENDATION,
            )
        except (Unavailable, Denied, Invalid, NotFound) as error:
            return _failed(error)
        return Delivered("sent")

    def _shown(self, row: Row) -> CardRecommendation:
        name_zh, name_en = row["name_zh"], row["name_en"]
        quantity = f"{row['quantity_base']} {row['base_unit']}".strip() if row["quantity_base"] else None
        return CardRecommendation(
            id=row["id"],
            retailer_name=row["retailer_name"] or row["retailer_code"],
            retailer_code=row["retailer_code"],
            sku_name=" ".join(dict.fromkeys(name for name in (name_zh, name_en) if name)) or row["sku_code"],
            rank=row["rank"],
            quantity=quantity,
            reasons=tuple((reason["text_zh"], reason["text_en"]) for reason in row["reasons"]),
            limits=tuple(LIMITS[code].text_zh for code in row["limits"]),
            console_url=f"{self._console_url}/?recommendation={row['id']}",
            licence_required=row["licence_required"],
        )


def _delivered(sent: Sent) -> Delivered:
    if sent.delivered:
        return Delivered("sent", response_code=sent.response_code or "")
    if sent.held_back:
        held = sent.held_back[0]
        return Delivered("held", held.limit, max(held.retry_after_s, 1.0))
    return Delivered("failed", "unlicensed_member" if sent.unlicensed else "unknown_member")


def _failed(error: Unavailable | Denied | Invalid | NotFound) -> Delivered:
    log.warning("card.not_sent", error=type(error).__name__, code=error.code)
    if isinstance(error, Unavailable):
        return Delivered("held", type(error).__name__, error.retry_after_s or 0.0)
    if isinstance(error, ConfigWrong):
        return Delivered("held", "config_wrong", CONFIG_RETRY_S)
    return Delivered("failed", type(error).__name__)
