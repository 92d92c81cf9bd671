"""What the service checks in a template card. Lengths that its reference only advises are not refused."""

from __future__ import annotations

import string

from demo.wecom.refusals import Fields, Refused, number_in, object_in, objects_in, size, text_in

INTERACTIVE = frozenset({"button_interaction", "vote_interaction", "multiple_interaction"})
TYPES = INTERACTIVE | {"text_notice", "news_notice"}
TASK_ID_LETTERS = frozenset(string.ascii_letters + string.digits + "_-@")
URL_BYTES = 2048
KEY_BYTES = 1024


def check_card(card: Fields) -> None:
    """Raise Refused for the first thing that is wrong."""
    kind = text_in(card, "card_type", required=True)
    if kind not in TYPES:
        raise Refused(40058, "card_type")
    number_in(object_in(card, "source"), "desc_color", range(4), default=0)
    _check_titles(card, kind)
    _check_task_id(card, kind)
    _check_lists(card)
    _check_action(card, kind)
    if "action_menu" in card:
        _check_menu(object_in(card, "action_menu"))
    _PARTS.get(kind, _check_nothing)(card)


def _check_titles(card: Fields, kind: str) -> None:
    title = text_in(object_in(card, "main_title"), "title")
    below = text_in(card, "sub_title_text")
    text_in(object_in(card, "main_title"), "desc")
    if not title and not (below and kind in ("text_notice", "button_interaction")):
        raise Refused(40058, "main_title.title is empty")


def _check_task_id(card: Fields, kind: str) -> None:
    needed = kind in INTERACTIVE or "action_menu" in card
    task_id = text_in(card, "task_id", limit=128, required=needed, errcode=42014)
    if not TASK_ID_LETTERS.issuperset(task_id):
        raise Refused(42014, "task_id may hold digits, letters, _ - @")


def _check_lists(card: Fields) -> None:
    for row in objects_in(card, "horizontal_content_list", most=6):
        text_in(row, "keyname", required=True)
        text_in(row, "value")
        if number_in(row, "type", range(4), default=0) == 1:
            _check_url(row, "url")
    for jump in objects_in(card, "jump_list", most=3):
        text_in(jump, "title", required=True)
        if number_in(jump, "type", range(3), default=0) == 1:
            _check_url(jump, "url")


def _check_action(card: Fields, kind: str) -> None:
    required = kind in ("text_notice", "news_notice")
    action = object_in(card, "card_action", required=required)
    if action and number_in(action, "type", range(1 if required else 0, 3), default=0) == 1:
        _check_url(action, "url")


def _check_menu(menu: Fields) -> None:
    entries = objects_in(menu, "action_list", least=1, most=3)
    for entry in entries:
        text_in(entry, "text", required=True)
    _check_keys(entries)


def _check_buttons(card: Fields) -> None:
    buttons = objects_in(card, "button_list", least=1, most=6)
    for button in buttons:
        text_in(button, "text", required=True)
        number_in(button, "style", range(1, 5), default=1)
        if number_in(button, "type", range(2), default=0) == 1:
            _check_url(button, "url")
    _check_keys([button for button in buttons if button.get("type", 0) == 0])
    if "button_selection" in card:
        _check_selection(object_in(card, "button_selection"))


def _check_vote(card: Fields) -> None:
    checkbox = object_in(card, "checkbox", required=True)
    text_in(checkbox, "question_key", limit=KEY_BYTES, required=True)
    number_in(checkbox, "mode", range(2), default=0)
    _check_options(objects_in(checkbox, "option_list", least=1, most=20))
    _check_submit(card)


def _check_choices(card: Fields) -> None:
    for selection in objects_in(card, "select_list", least=1, most=3):
        _check_selection(selection)
    _check_submit(card)


def _check_selection(selection: Fields) -> None:
    text_in(selection, "question_key", limit=KEY_BYTES, required=True)
    _check_options(objects_in(selection, "option_list", least=1, most=10))


def _check_options(options: list[Fields]) -> None:
    for option in options:
        text_in(option, "id", limit=128, required=True)
        text_in(option, "text", required=True)


def _check_submit(card: Fields) -> None:
    submit = object_in(card, "submit_button", required=True)
    text_in(submit, "text", required=True)
    _check_keys([submit])


def _check_picture(card: Fields) -> None:
    _check_url(object_in(card, "card_image", required=True), "url")


def _check_keys(entries: list[Fields]) -> None:
    keys = [text_in(entry, "key", limit=KEY_BYTES, required=True, errcode=42017) for entry in entries]
    if len(set(keys)) < len(keys):
        raise Refused(42017, "keys must differ")


def _check_url(fields: Fields, name: str) -> None:
    url = text_in(fields, name, required=True)
    if size(url) > URL_BYTES or not url.startswith(("http://", "https://")):
        raise Refused(40058, f"{name} must be an address of at most {URL_BYTES} bytes")


def _check_nothing(card: Fields) -> None:
    """A text_notice has no part of its own."""


_PARTS = {
    "button_interaction": _check_buttons,
    "vote_interaction": _check_vote,
    "multiple_interaction": _check_choices,
    "news_notice": _check_picture,
}
