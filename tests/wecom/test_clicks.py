"""From the card on the phone through the signed, encrypted callback and back to the card."""

from __future__ import annotations

import httpx
import pytest

from chassis.errors import Invalid
from demo.wecom.app import create_app
from gateway.wecom import CallbackKeys
from services.recommend.wecom import MessageRefused, WeComClient, recommendation_card
from tests.wecom.world import AES_KEY, CORP, CallbackAddress, Clock, Settings, StandIn, recommendation, served

STAFF = {"audience": "staff", "content_class": "recommendation"}


async def send_card(client: WeComClient, *users: str, **changes: object) -> tuple[str, str]:
    """Sends a recommendation and returns msgid and response code."""
    sent = await client.send_template_card(users, recommendation_card(recommendation(**changes)), **STAFF)
    assert sent.msgid
    assert sent.response_code
    return sent.msgid, sent.response_code


async def test_a_click_comes_back_decrypted_and_changes_the_card_of_the_one_who_clicked(
    client: WeComClient, stand_in: StandIn, address: CallbackAddress, clock: Clock
) -> None:
    msgid, _ = await send_card(client, "LiSi", "Wang", id="42")

    outcome = (await stand_in.click(msgid, "LiSi", "accept:42")).json()

    [click] = address.clicks
    [shown] = await stand_in.messages("LiSi")
    assert (click.user_id, click.event_key, click.task_id) == ("LiSi", "accept:42", "rec-42")
    assert (click.card_type, click.agent_id, click.created_at_s) == ("button_interaction", 1_000_002, int(clock()))
    assert (outcome["status"], outcome["tries"], outcome["applied"]) == (200, 1, "update_button")
    assert shown["changes"] == {"LiSi": {"replace_name": "已采纳 Accepted"}}
    assert shown["clicks"] == {"LiSi": "accept:42"}


async def test_the_click_s_response_code_changes_the_card_of_others_once_and_never_again(
    client: WeComClient, stand_in: StandIn, address: CallbackAddress
) -> None:
    msgid, _ = await send_card(client, "LiSi", "Wang", id="42")
    await stand_in.click(msgid, "LiSi", "accept:42")
    code = address.clicks[0].response_code

    updated = await client.update_template_card(["Wang", "nobody"], code, change="李四已采纳", **STAFF)
    with pytest.raises(MessageRefused):
        await client.update_template_card(["Wang"], code, change="再一次", **STAFF)

    [shown] = await stand_in.messages("Wang")
    assert updated.updated == ("Wang",)
    assert updated.unknown == ("nobody",)
    assert shown["changes"]["Wang"] == {"replace_name": "李四已采纳"}


async def test_the_response_code_of_the_sending_works_once_for_a_whole_new_card(
    client: WeComClient, stand_in: StandIn
) -> None:
    msgid, code = await send_card(client, "LiSi", id="42")
    card = recommendation_card(recommendation(id="42", quantity="3 条 / 3 cartons"), revision=1)

    await client.update_template_card(["LiSi"], code, change=card, **STAFF)
    with pytest.raises(MessageRefused):
        await client.update_template_card(["LiSi"], code, change=card, **STAFF)
    outcome = await stand_in.click(msgid, "LiSi", "reject:42")

    [shown] = await stand_in.messages("LiSi")
    assert shown["content"]["task_id"] == "rec-42"
    assert outcome.status_code == 200


@pytest.mark.parametrize(("hours", "is_valid"), [(71.9, True), (72.1, False)])
async def test_a_response_code_lives_72_hours(
    client: WeComClient, stand_in: StandIn, clock: Clock, hours: float, is_valid: bool
) -> None:
    _, code = await send_card(client, "LiSi")
    clock.pass_by(hours * 3600)

    if is_valid:
        assert (await client.update_template_card(["LiSi"], code, change="好", **STAFF)).updated == ("LiSi",)
    else:
        with pytest.raises(MessageRefused, match="40058"):
            await client.update_template_card(["LiSi"], code, change="好", **STAFF)


async def test_when_nobody_of_an_update_has_the_card_all_are_unknown_and_the_code_is_not_used(
    client: WeComClient,
) -> None:
    _, code = await send_card(client, "LiSi")

    missed = await client.update_template_card(["nobody"], code, change="好", **STAFF)
    hit = await client.update_template_card(["LiSi"], code, change="好", **STAFF)

    assert missed.unknown == ("nobody",)
    assert hit.updated == ("LiSi",)


async def test_a_card_that_cannot_be_shown_is_refused_before_its_code_is_spent(client: WeComClient) -> None:
    _, code = await send_card(client, "LiSi")

    with pytest.raises(Invalid):
        await client.update_template_card(["LiSi"], code, change={"card_type": "button_interaction"}, **STAFF)

    assert (await client.update_template_card(["LiSi"], code, change="好", **STAFF)).updated == ("LiSi",)


async def test_a_callback_that_fails_is_repeated_with_the_same_click(
    client: WeComClient, stand_in: StandIn, address: CallbackAddress
) -> None:
    address.failures = 2
    msgid, _ = await send_card(client, "LiSi", id="42")

    outcome = (await stand_in.click(msgid, "LiSi", "accept:42")).json()

    assert (outcome["status"], outcome["tries"]) == (200, 3)
    assert len(address.clicks) == 3
    assert len({click.key for click in address.clicks}) == 1


async def test_a_callback_with_other_keys_is_denied_and_given_up_after_three_repeats(
    client: WeComClient, stand_in: StandIn, address: CallbackAddress
) -> None:
    address.keys = CallbackKeys.read(token="another", encoding_aes_key=AES_KEY, receive_id=CORP)
    msgid, _ = await send_card(client, "LiSi", id="42")

    outcome = (await stand_in.click(msgid, "LiSi", "accept:42")).json()

    assert (outcome["status"], outcome["tries"], outcome["applied"]) == (403, 4, "nothing")
    assert address.refusals == ["Denied"] * 4
    assert address.clicks == []


async def test_an_empty_answer_leaves_the_card_as_it_is(
    client: WeComClient, stand_in: StandIn, address: CallbackAddress
) -> None:
    address.answer = ""
    msgid, _ = await send_card(client, "LiSi", id="42")

    outcome = (await stand_in.click(msgid, "LiSi", "accept:42")).json()

    assert outcome["applied"] == "nothing"
    assert (await stand_in.messages("LiSi"))[0]["changes"] == {}


async def test_only_the_buttons_of_one_s_own_open_card_can_be_pressed(client: WeComClient, stand_in: StandIn) -> None:
    msgid, _ = await send_card(client, "LiSi", id="42")

    strange = await stand_in.click(msgid, "Wang", "accept:42")
    unknown = await stand_in.click(msgid, "LiSi", "accept:43")
    missing = await stand_in.click("no-such-message", "LiSi", "accept:42")
    await stand_in.click(msgid, "LiSi", "accept:42")
    replaced = await stand_in.click(msgid, "LiSi", "reject:42")

    assert [each.status_code for each in (strange, unknown, missing, replaced)] == [409, 409, 404, 409]


async def test_a_page_of_another_origin_cannot_press_a_button(client: WeComClient, stand_in: StandIn) -> None:
    msgid, _ = await send_card(client, "LiSi", id="42")

    body = f'{{"msgid": "{msgid}", "user": "LiSi", "button_key": "accept:42"}}'
    answer = await stand_in.http.post("/stand-in/click", content=body, headers={"content-type": "text/plain"})

    assert answer.status_code == 415


async def test_the_address_proves_itself_as_in_the_admin_console(stand_in: StandIn, address: CallbackAddress) -> None:
    good = (await stand_in.http.post("/stand-in/verify")).json()
    address.keys = CallbackKeys.read(token=address.keys.token, encoding_aes_key=AES_KEY[::-1], receive_id=CORP)
    try:
        bad = (await stand_in.http.post("/stand-in/verify")).json()
    except httpx.HTTPError as error:
        pytest.fail(str(error))

    assert good == {"status": 200, "tries": 1, "applied": "verified"}
    assert bad["applied"] == "refused"


async def test_without_a_callback_address_there_are_no_cards_with_buttons(clock: Clock) -> None:
    async with (
        served(create_app(Settings().build(), now=clock)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        stand_in = StandIn(url, clock, http)
        card = recommendation_card(recommendation())

        reply = await stand_in.send(msgtype="template_card", template_card=card)

        assert reply["errcode"] == 40058
        assert "callback" in reply["errmsg"]
