"""The gateway's side of the callback: signature, time, encryption and XML."""

from __future__ import annotations

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Denied, Invalid
from demo.wecom.crypto import Envelope
from gateway.wecom import (
    MAX_BODY_BYTES,
    CallbackKeys,
    CardClick,
    OtherCallback,
    SelectedItem,
    Signed,
    answer_echo,
    decrypt,
    encrypt,
    read_callback,
    signature,
)
from tests.wecom.world import AES_KEY, CORP, KEYS, TOKEN

NOW_S = 1_409_659_600
PUBLIC_KEYS = CallbackKeys.read(token=TOKEN, encoding_aes_key=AES_KEY, receive_id="wx5823bf96d3bd56c7")
PUBLIC_ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
PUBLIC = Signed("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780")
CLICK = """<xml><ToUserName>wwcorp0001</ToUserName><FromUserName>LiSi</FromUserName><CreateTime>1409659589</CreateTime>
<MsgType>event</MsgType><Event>template_card_event</Event><EventKey>accept:42</EventKey><TaskId>rec-42</TaskId>
<CardType>button_interaction</CardType><ResponseCode>code-1</ResponseCode><AgentID>1000002</AgentID>
<SelectedItems><SelectedItem><QuestionKey>why</QuestionKey><OptionIds><OptionId>a</OptionId><OptionId>b</OptionId>
</OptionIds></SelectedItem></SelectedItems></xml>"""


def posted(message: str, *, keys: CallbackKeys = KEYS, at_s: int = NOW_S) -> tuple[Signed, bytes]:
    encrypted = encrypt(keys, message, random16=secrets.token_bytes(16))
    signed = Signed(signature(keys.token, str(at_s), "n1", encrypted), str(at_s), "n1")
    body = f"<xml><ToUserName>{CORP}</ToUserName><AgentID>1</AgentID><Encrypt>{encrypted}</Encrypt></xml>"
    return signed, body.encode()


def sealed_raw(plain: bytes) -> str:
    """Encrypts bytes as they are, so that a test can break the inside."""
    step = Cipher(algorithms.AES(KEYS.aes_key), modes.CBC(KEYS.aes_key[:16])).encryptor()
    return base64.b64encode(step.update(plain) + step.finalize()).decode()


def test_the_public_test_vector_is_signed_and_decrypted_as_published() -> None:
    computed = signature(TOKEN, PUBLIC.timestamp, PUBLIC.nonce, PUBLIC_ECHO)

    plain = answer_echo(PUBLIC_KEYS, PUBLIC, PUBLIC_ECHO, now_s=NOW_S)

    assert computed == PUBLIC.msg_signature
    assert plain == "1616140317555161061"


def test_the_stand_in_opens_the_public_test_vector_with_its_own_code() -> None:
    envelope = Envelope(TOKEN, AES_KEY, "wx5823bf96d3bd56c7")

    plain = envelope.open(PUBLIC_ECHO, signature=PUBLIC.msg_signature, timestamp=PUBLIC.timestamp, nonce=PUBLIC.nonce)

    assert plain == "1616140317555161061"


@pytest.mark.parametrize(
    "signed",
    [
        Signed("6c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", PUBLIC.timestamp, PUBLIC.nonce),
        Signed(PUBLIC.msg_signature, "1409659590", PUBLIC.nonce),
        Signed(PUBLIC.msg_signature, PUBLIC.timestamp, "263014781"),
        Signed("", PUBLIC.timestamp, PUBLIC.nonce),
        Signed("签名", PUBLIC.timestamp, PUBLIC.nonce),
    ],
)
def test_a_tampered_query_is_denied(signed: Signed) -> None:
    with pytest.raises(Denied, match="signature"):
        answer_echo(PUBLIC_KEYS, signed, PUBLIC_ECHO, now_s=NOW_S)


def test_a_tampered_body_is_denied() -> None:
    signed, body = posted(CLICK)
    other = posted(CLICK)[1]

    with pytest.raises(Denied, match="signature"):
        read_callback(KEYS, signed, other, now_s=NOW_S)

    assert other != body


@pytest.mark.parametrize("off_s", [-301, 301, 86_400])
def test_a_stale_or_future_timestamp_is_denied(off_s: int) -> None:
    signed, body = posted(CLICK, at_s=NOW_S + off_s)

    with pytest.raises(Denied, match="300 s"):
        read_callback(KEYS, signed, body, now_s=NOW_S)


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_a_timestamp_within_300_seconds_is_taken(off_s: int) -> None:
    signed, body = posted(CLICK, at_s=NOW_S + off_s)

    assert isinstance(read_callback(KEYS, signed, body, now_s=NOW_S), CardClick)


@pytest.mark.parametrize("timestamp", ["", "now", "١٤٠٩٦٥٩٥٨٩", "-1409659589", "1e9", "9" * 400])
def test_a_signed_timestamp_that_is_no_number_is_denied(timestamp: str) -> None:
    signed = Signed(signature(TOKEN, timestamp, "n", PUBLIC_ECHO), timestamp, "n")

    with pytest.raises(Denied, match="timestamp"):
        answer_echo(PUBLIC_KEYS, signed, PUBLIC_ECHO, now_s=NOW_S)


def test_a_text_for_another_corp_is_denied() -> None:
    foreign = CallbackKeys.read(token=TOKEN, encoding_aes_key=AES_KEY, receive_id="wwsomebodyelse")
    signed, body = posted(CLICK, keys=foreign)

    with pytest.raises(Denied, match="another receiver"):
        read_callback(KEYS, signed, body, now_s=NOW_S)


@pytest.mark.parametrize(
    "encrypted",
    [
        "",
        "not base64!",
        base64.b64encode(b"x" * 31).decode(),
        base64.b64encode(b"x" * 16).decode(),
        sealed_raw(b"\0" * 32),
        sealed_raw(b"\x21" * 64),
        sealed_raw(b"r" * 16 + (500).to_bytes(4, "big") + b"short" + b"\x07" * 7),
        sealed_raw(b"\x20" * 32),
        sealed_raw(b"r" * 16 + (1).to_bytes(4, "big") + b"\xff" + CORP.encode() + b"\x01"),
    ],
)
def test_a_broken_encryption_is_invalid(encrypted: str) -> None:
    with pytest.raises(Invalid):
        decrypt(KEYS, encrypted)


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.binary(min_size=16, max_size=16))
def test_what_one_side_seals_the_other_opens(text: str, random16: bytes) -> None:
    envelope = Envelope(TOKEN, AES_KEY, CORP)
    sealed = encrypt(KEYS, text, random16=random16)

    opened = envelope.open(sealed, signature=signature(TOKEN, "1", "2", sealed), timestamp="1", nonce="2")
    back = decrypt(KEYS, envelope.seal(text))

    assert opened == back == text


def test_a_click_is_read_with_all_its_parts() -> None:
    signed, body = posted(CLICK)

    click = read_callback(KEYS, signed, body, now_s=NOW_S)

    assert click == CardClick(
        user_id="LiSi",
        created_at_s=1_409_659_589,
        task_id="rec-42",
        event_key="accept:42",
        response_code="code-1",
        agent_id=1_000_002,
        card_type="button_interaction",
        selected_items=(SelectedItem("why", ("a", "b")),),
    )


def test_the_same_click_delivered_twice_has_one_key_and_another_click_has_another() -> None:
    def key_of(message: str) -> str:
        click = read_callback(KEYS, *posted(message), now_s=NOW_S)
        assert isinstance(click, CardClick)
        return click.key

    first, again = key_of(CLICK), key_of(CLICK.replace("code-1", "code-2"))
    others = [
        key_of(CLICK.replace(old, new))
        for old, new in (("LiSi", "Wang"), ("1409659589", "1409659590"), ("rec-42", "rec-43"), ("accept", "reject"))
    ]

    assert first == again
    assert len({first, *others}) == 5


def test_a_callback_that_is_no_click_is_named_and_not_refused() -> None:
    message = "<xml><FromUserName>LiSi</FromUserName><CreateTime>7</CreateTime><MsgType>text</MsgType></xml>"

    read = read_callback(KEYS, *posted(message), now_s=NOW_S)

    assert read == OtherCallback(user_id="LiSi", created_at_s=7, kind="text", event="")


@pytest.mark.parametrize("name", ["FromUserName", "CreateTime", "TaskId", "EventKey", "ResponseCode", "AgentID"])
def test_a_click_without_a_needed_element_is_invalid_and_the_pointer_names_it(name: str) -> None:
    signed, body = posted(CLICK.replace(f"<{name}>", "<Gone>").replace(f"</{name}>", "</Gone>"))

    with pytest.raises(Invalid) as refused:
        read_callback(KEYS, signed, body, now_s=NOW_S)

    assert [problem.pointer for problem in refused.value.errors] == [f"/xml/{name}"]


ENTITY_BOMB = (
    '<!DOCTYPE x [<!ENTITY a "'
    + "ha" * 50
    + '">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><xml><Encrypt>&i;</Encrypt></xml>"
)


@pytest.mark.parametrize(
    "xml",
    [
        ENTITY_BOMB,
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Encrypt>&f;</Encrypt></xml>',
        '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml><Encrypt>a</Encrypt></xml>',
    ],
    ids=["bomb", "file", "dtd"],
)
def test_xml_with_entities_or_a_document_type_is_not_read(xml: str) -> None:
    with pytest.raises(Invalid, match="document type or entities"):
        read_callback(KEYS, Signed("s", str(NOW_S), "n"), xml.encode(), now_s=NOW_S)


def test_a_bomb_inside_the_encryption_is_not_read_either() -> None:
    signed, body = posted(ENTITY_BOMB)

    with pytest.raises(Invalid, match="document type or entities"):
        read_callback(KEYS, signed, body, now_s=NOW_S)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_an_orderly_way(body: bytes) -> None:
    with pytest.raises((Invalid, Denied)):
        read_callback(KEYS, Signed("s", str(NOW_S), "n"), body, now_s=NOW_S)


@pytest.mark.parametrize("encoding", ["no-such-encoding", "utf-7", "utf-16"])
def test_a_strange_encoding_is_refused_in_an_orderly_way(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><xml><Encrypt>a</Encrypt></xml>'.encode()

    with pytest.raises((Invalid, Denied)):
        read_callback(KEYS, Signed("s", str(NOW_S), "n"), body, now_s=NOW_S)


def test_a_body_over_one_megabyte_is_too_large() -> None:
    body = b"<xml><Encrypt>" + b"a" * MAX_BODY_BYTES + b"</Encrypt></xml>"

    with pytest.raises(Invalid) as refused:
        read_callback(KEYS, Signed("s", str(NOW_S), "n"), body, now_s=NOW_S)

    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("token", "key", "pointer"),
    [("", AES_KEY, "/token"), ("t" * 33, AES_KEY, "/token"), (TOKEN, AES_KEY[:-1], "/encoding_aes_key")],
)
def test_wrong_settings_are_refused_at_the_start(token: str, key: str, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        CallbackKeys.read(token=token, encoding_aes_key=key, receive_id=CORP)

    assert [problem.pointer for problem in refused.value.errors] == [pointer]


def test_secrets_are_not_in_the_text_of_the_keys() -> None:
    text = repr(KEYS)

    assert TOKEN not in text
    assert "aes_key" not in text
