"""A recommendation as a card on an account manager's phone: Chinese first, English beside it. Pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from chassis.errors import Invalid
from services.recommend.wecom.sizes import Card, Json, fitted, problems_of

# C-23: views of a product that needs a licence carry the warning of the packaging rules.
HEALTH_WARNING = "吸烟有害健康 Smoking harms your health"
_PLAIN_ID = re.compile(r"[0-9A-Za-z_\-]{1,100}")


@dataclass(frozen=True, slots=True)
class CardRecommendation:
    """What a card shows.

    `quantity` is a text with its unit (`5 条 / 5 cartons`); reasons are (Chinese, English), best first.
    """

    id: str
    retailer_name: str
    retailer_code: str
    sku_name: str
    rank: int
    quantity: str | None
    reasons: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    console_url: str
    licence_required: bool = True


def task_id_of(recommendation_id: str, *, revision: int = 0) -> str:
    """The card's task id: unique per recommendation and revision, within WeCom's alphabet and 128 bytes.

    An id with other characters is replaced by its SHA-256; `@` marks what is not the id itself, so that no two collide.
    """
    plain = _PLAIN_ID.fullmatch(recommendation_id) is not None
    digest = hashlib.sha256(recommendation_id.encode("utf-8", "surrogatepass")).hexdigest()
    name = f"rec-{recommendation_id}" if plain else f"rec@{digest}"
    return f"{name}@{revision}" if revision else name


def recommendation_card(recommendation: CardRecommendation, *, revision: int = 0) -> Card:
    """A `button_interaction` card with an accept and a reject button (`accept:<id>`, `reject:<id>`).

    Texts are cut to WeCom's sizes. Raises Invalid when the id or the console address does not fit: neither can be cut.
    """
    card = _common(recommendation)
    card["card_type"] = "button_interaction"
    card["task_id"] = task_id_of(recommendation.id, revision=revision)
    card["button_list"] = [
        {"text": "采纳 Accept", "style": 1, "key": f"accept:{recommendation.id}"},
        {"text": "不采纳 Reject", "style": 2, "key": f"reject:{recommendation.id}"},
    ]
    return _sendable(card)


def recommendation_notice(recommendation: CardRecommendation) -> Card:
    """The same content as a `text_notice`, where buttons are not possible. Raises Invalid like recommendation_card."""
    card = _common(recommendation)
    card["card_type"] = "text_notice"
    return _sendable(card)


def _common(recommendation: CardRecommendation) -> Card:
    return {
        "source": {"desc": "经营建议 仅供内部参考", "desc_color": 0},
        "main_title": {
            "title": f"{recommendation.retailer_name}:建议 {recommendation.sku_name}",
            "desc": f"第 {recommendation.rank} 位建议 · Suggestion no. {recommendation.rank}",
        },
        "quote_area": {"type": 0, "title": "理由", "quote_text": _numbered(zh for zh, _ in recommendation.reasons)},
        "sub_title_text": _numbered(en for _, en in recommendation.reasons),
        "horizontal_content_list": _rows(recommendation),
        "card_action": {"type": 1, "url": recommendation.console_url},
    }


def _rows(recommendation: CardRecommendation) -> list[Json]:
    facts = [
        ("零售户", f"{recommendation.retailer_name} {recommendation.retailer_code}"),
        ("商品", recommendation.sku_name),
        ("建议量", recommendation.quantity or ""),
        ("限制", ";".join(recommendation.limits)),
        ("警示", HEALTH_WARNING if recommendation.licence_required else ""),
    ]
    return [{"keyname": name, "value": value} for name, value in facts if value.strip()]


def _numbered(reasons: Iterable[str]) -> str:
    texts = [text.strip() for text in reasons if text.strip()]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))


def _sendable(card: Card) -> Card:
    fit = fitted({name: value for name, value in card.items() if value != ""})
    problems = problems_of(fit)
    if problems:
        raise Invalid("the recommendation does not fit into a card", errors=problems)
    return fit
