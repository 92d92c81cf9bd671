"""What the service checks in a message: its type, fields and sizes."""

from __future__ import annotations

from demo.wecom.cards import check_card
from demo.wecom.refusals import Fields, Refused, list_in, object_in, objects_in, text_in

APP_TEXT_BYTES = 2048
WEBHOOK_MARKDOWN_BYTES = 4096


def app_content(body: Fields) -> tuple[str, Fields]:
    """Type and content of an app message; raises Refused."""
    kind = text_in(body, "msgtype", required=True, errcode=40008)
    if kind not in _APP:
        raise Refused(40008, kind)
    content = object_in(body, kind, required=True)
    _APP[kind](content)
    return kind, content


def webhook_content(body: Fields) -> tuple[str, Fields]:
    """Type and content of a group message: text, markdown, or a card without buttons; raises Refused."""
    kind = text_in(body, "msgtype", required=True, errcode=40008)
    if kind not in _WEBHOOK:
        raise Refused(40008, kind)
    content = object_in(body, kind, required=True)
    _WEBHOOK[kind](content)
    return kind, content


def _check_text(content: Fields) -> None:
    _check_content(content, APP_TEXT_BYTES)


def _check_group_text(content: Fields) -> None:
    _check_content(content, APP_TEXT_BYTES)
    for name in ("mentioned_list", "mentioned_mobile_list"):
        if not all(isinstance(entry, str) for entry in list_in(content, name, most=1000)):
            raise Refused(40058, f"{name} must hold strings")


def _check_group_markdown(content: Fields) -> None:
    _check_content(content, WEBHOOK_MARKDOWN_BYTES)


def _check_content(content: Fields, limit: int) -> None:
    text_in(content, "content", required=True, errcode=44004)
    text_in(content, "content", limit=limit, errcode=45002)


def _check_textcard(content: Fields) -> None:
    text_in(content, "title", limit=128, required=True)
    text_in(content, "description", limit=512, required=True)
    text_in(content, "url", limit=2048, required=True)
    if len(text_in(content, "btntxt")) > 4:
        raise Refused(40058, "btntxt is longer than 4 characters")


def _check_news(content: Fields) -> None:
    for article in objects_in(content, "articles", least=1, most=8):
        text_in(article, "title", limit=128, required=True)
        text_in(article, "description", limit=512)
        text_in(article, "url", limit=2048)


def _check_media(content: Fields) -> None:
    # Uploads are not played, so no media_id can be one that the service gave out.
    raise Refused(40007, text_in(content, "media_id", required=True, errcode=40007))


def _check_group_card(content: Fields) -> None:
    if content.get("card_type") != "text_notice":
        raise Refused(40058, "card_type: groups get text_notice only")
    check_card(content)


_APP = {
    "text": _check_text,
    "markdown": _check_text,
    "textcard": _check_textcard,
    "news": _check_news,
    "image": _check_media,
    "voice": _check_media,
    "video": _check_media,
    "file": _check_media,
    "template_card": check_card,
}
_WEBHOOK = {"text": _check_group_text, "markdown": _check_group_markdown, "template_card": _check_group_card}
