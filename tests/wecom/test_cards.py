"""Cards within WeCom's sizes, whatever the names and reasons are."""

from __future__ import annotations

import string
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from demo.wecom.cards import check_card
from services.recommend.wecom import CardRecommendation, recommendation_card, recommendation_notice, task_id_of
from services.recommend.wecom.sizes import CARD_TEXT_BYTES, byte_length, cut, problems_of
from tests.wecom.world import recommendation

# Chinese, accents that join, emoji of several code points, controls, lone surrogates.
LETTERS = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
    st.sampled_from("abc 1,。…é\u0301\u200d👨‍👩‍👧🏪\ufe0f\0\x1b\n\ud800"),
)
TEXTS = st.text(LETTERS, max_size=900)
NAMES = TEXTS.map(lambda text: "店" + text)
RECOMMENDATIONS = st.builds(
    CardRecommendation,
    id=st.text(string.ascii_letters + string.digits + "-_@:/中", min_size=1, max_size=300),
    retailer_name=NAMES,
    retailer_code=NAMES,
    sku_name=NAMES,
    rank=st.integers(1, 10**6),
    quantity=st.none() | TEXTS,
    reasons=st.lists(st.tuples(TEXTS, TEXTS), max_size=8).map(tuple),
    limits=st.lists(TEXTS, max_size=8).map(tuple),
    console_url=st.just("https://console.example.com/r/1"),
    licence_required=st.booleans(),
)


def texts_of(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [each for name, item in value.items() for each in texts_of(item, f"{path}/{name}".lstrip("/"))]
    if isinstance(value, list):
        return [each for item in value for each in texts_of(item, f"{path}/*")]
    return [(path, value)] if isinstance(value, str) else []


@given(RECOMMENDATIONS)
def test_any_recommendation_becomes_a_card_that_the_service_takes(given_one: CardRecommendation) -> None:
    card = recommendation_card(given_one)

    check_card(card)
    assert problems_of(card) == []
    for path, text in texts_of(card):
        assert byte_length(text) <= CARD_TEXT_BYTES.get(path, 2048), path
        text.encode()


@given(RECOMMENDATIONS)
def test_any_recommendation_becomes_a_notice_that_the_service_takes(given_one: CardRecommendation) -> None:
    check_card(recommendation_notice(given_one))


@given(TEXTS, st.integers(0, 600))
def test_a_cut_text_keeps_its_beginning_and_never_breaks_a_character(text: str, limit: int) -> None:
    short = cut(text, limit)

    assert byte_length(short) <= limit
    clean = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    if short != clean and limit >= 3:
        head = short.removesuffix("…")
        assert short.endswith("…")
        assert clean.startswith(head)
        following = clean[len(head) :].lstrip()[:1]
        assert not (head and following and unicodedata.combining(following) and not clean[len(head)].isspace())


def test_a_chinese_text_is_cut_between_characters() -> None:
    assert cut("零售户补货建议", 12) == "零售户…"
    assert cut("零售户补货建议", 14) == "零售户…"
    assert cut("零售户补", 12) == "零售户补"
    assert cut("e\u0301e\u0301e\u0301", 8) == "e\u0301…"


def test_the_card_is_chinese_first_with_english_beside_it_and_two_buttons() -> None:
    card: Any = recommendation_card(recommendation(id="42"))

    assert card["main_title"]["title"] == "合肥市蜀山区好再来便利店:建议 黄山(徽商新概念细支)"
    assert card["quote_area"]["quote_text"] == "1. 近8周补货 6 次,预计本周断货\n2. 同类店好卖"
    assert card["sub_title_text"] == "1. 6 repeat orders in 8 weeks, likely to run out\n2. peers sell it"
    assert [(row["keyname"], row["value"]) for row in card["horizontal_content_list"]] == [
        ("零售户", "合肥市蜀山区好再来便利店 R340104000123"),
        ("商品", "黄山(徽商新概念细支)"),
        ("建议量", "5 条 / 5 cartons"),
        ("限制", "本周上限 6 条"),
        ("警示", "吸烟有害健康 Smoking harms your health"),
    ]
    assert [(button["text"], button["key"]) for button in card["button_list"]] == [
        ("采纳 Accept", "accept:42"),
        ("不采纳 Reject", "reject:42"),
    ]
    assert card["task_id"] == "rec-42"


def test_a_product_without_licence_carries_no_health_warning() -> None:
    card: Any = recommendation_card(recommendation(licence_required=False))

    assert "警示" not in [row["keyname"] for row in card["horizontal_content_list"]]


@given(st.text(min_size=1, max_size=400), st.integers(0, 10**6))
def test_a_task_id_uses_only_the_allowed_letters(identifier: str, revision: int) -> None:
    task_id = task_id_of(identifier, revision=revision)

    assert set(task_id) <= set(string.ascii_letters + string.digits + "_-@")
    assert len(task_id) <= 128


@given(st.lists(st.tuples(st.text("aA1_-@:", min_size=1, max_size=5), st.integers(0, 12)), unique=True, min_size=2))
def test_two_recommendations_or_revisions_never_share_a_task_id(pairs: list[tuple[str, int]]) -> None:
    task_ids = {task_id_of(identifier, revision=revision) for identifier, revision in pairs}

    assert len(task_ids) == len(pairs)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "x" * 1020}, "/template_card/button_list/0/key"),
        ({"console_url": "javascript:alert(1)"}, "/template_card/card_action/url"),
        ({"console_url": "https://x/" + "y" * 2048}, "/template_card/card_action/url"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_its_place(change: dict[str, str], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        recommendation_card(recommendation(**change))

    assert pointer in [problem.pointer for problem in refused.value.errors]


def button(**changes: Any) -> dict[str, Any]:
    return {"text": "好", "style": 1, "key": "k"} | changes


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"card_type": "vote_interaction"}, "/card_type"),
        ({"main_title": {}, "sub_title_text": ""}, "/main_title/title"),
        ({"source": {"desc_color": 4}}, "/source/desc_color"),
        ({"task_id": None}, "/task_id"),
        ({"task_id": "不行"}, "/task_id"),
        ({"task_id": "x" * 129}, "/task_id"),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, "/horizontal_content_list"),
        ({"horizontal_content_list": [{"value": "v"}]}, "/horizontal_content_list/0/keyname"),
        ({"jump_list": [{"title": "t"}] * 4}, "/jump_list"),
        ({"button_list": []}, "/button_list"),
        ({"button_list": [button(key=str(n)) for n in range(7)]}, "/button_list"),
        ({"button_list": [button(), button()]}, "/button_list"),
        ({"button_list": [button(style=5)]}, "/button_list/0/style"),
        ({"button_list": [button(text="")]}, "/button_list/0/text"),
        ({"button_list": [button(key="钥" * 342)]}, "/button_list/0/key"),
        ({"button_list": [button(type=1, url="ftp://x")]}, "/button_list/0/url"),
    ],
)
def test_every_limit_of_a_card_is_checked_before_sending(change: dict[str, Any], pointer: str) -> None:
    card: Any = recommendation_card(recommendation()) | change

    pointers = [problem.pointer for problem in problems_of(card)]

    assert f"/template_card{pointer}" in pointers
