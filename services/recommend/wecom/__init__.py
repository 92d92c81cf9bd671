"""Client of the WeCom API: messages and cards to account managers, within WeCom's limits and the trade-only rules.

audience + content_class ─▶ permit ─▶ fit sizes ─▶ reserve limits (Redis) ─▶ token (Redis) ─▶ HTTP ─▶ Sent
"""

from services.recommend.wecom.cards import CardRecommendation, recommendation_card, recommendation_notice, task_id_of
from services.recommend.wecom.client import HeldBack, Sent, Updated, WeComClient, WeComSettings
from services.recommend.wecom.errcodes import (
    Alert,
    ApiStopped,
    AudienceRefused,
    BotDisabled,
    ConfigWrong,
    MessageRefused,
    NobodyReached,
    RelationGone,
    WeComBusy,
)
from services.recommend.wecom.policy import Audience, ContentClass

__all__ = [
    "Alert",
    "ApiStopped",
    "Audience",
    "AudienceRefused",
    "BotDisabled",
    "CardRecommendation",
    "ConfigWrong",
    "ContentClass",
    "HeldBack",
    "MessageRefused",
    "NobodyReached",
    "RelationGone",
    "Sent",
    "Updated",
    "WeComBusy",
    "WeComClient",
    "WeComSettings",
    "recommendation_card",
    "recommendation_notice",
    "task_id_of",
]
