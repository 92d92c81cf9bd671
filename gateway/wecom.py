"""The WeCom dialect of the callback address: signature, encryption, XML. Pure functions; the route calls them.

    GET  ?msg_signature&timestamp&nonce&echostr ─▶ answer_echo ─▶ plain text
    POST ?msg_signature&timestamp&nonce + XML   ─▶ read_callback ─▶ CardClick | OtherCallback
                                      XML reply ◀─ update_button ◀─┘

Format: WeCom's "callback and encryption" reference. SHA-1 and CBC are WeCom's choice, not ours.
Denied means that the sender is not WeCom (or the configuration differs), Invalid that the content cannot be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from chassis.errors import Denied, Invalid, Problem

MAX_BODY_BYTES = 1_000_000
MAX_AGE_S = 300
PAD_BYTES = 32
RANDOM_BYTES = 16
LENGTH_BYTES = 4
CLICK_EVENTS = frozenset({"template_card_event", "template_card_menu_event"})
_KEY = re.compile(r"[0-9A-Za-z]{43}")
_TOKEN = re.compile(r"[0-9A-Za-z]{1,32}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """The secrets of one callback address. `receive_id` is the corp id for an own app."""

    token: str = field(repr=False)
    aes_key: bytes = field(repr=False)
    receive_id: str

    @classmethod
    def read(cls, *, token: str, encoding_aes_key: str, receive_id: str) -> CallbackKeys:
        """From the Token (1 to 32 letters or digits) and EncodingAESKey (43) of the admin console; raises Invalid."""
        problems = []
        if not _TOKEN.fullmatch(token):
            problems.append(Problem("/token", "format", "1 to 32 letters or digits"))
        if not _KEY.fullmatch(encoding_aes_key):
            problems.append(Problem("/encoding_aes_key", "format", "43 letters or digits"))
        if problems:
            raise Invalid("copy Token and EncodingAESKey from the WeCom admin console", errors=problems)
        return cls(token, base64.b64decode(encoding_aes_key + "="), receive_id)


@dataclass(frozen=True, slots=True)
class Signed:
    """The query of a callback: who claims to have sent it, and when."""

    msg_signature: str
    timestamp: str
    nonce: str


@dataclass(frozen=True, slots=True)
class SelectedItem:
    """One question of a card and the ids of the options that were chosen."""

    question_key: str
    option_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardClick:
    """A member pressed a button of a card. `response_code` changes the card once, within 72 h."""

    user_id: str
    created_at_s: int
    task_id: str
    event_key: str
    response_code: str = field(repr=False)
    agent_id: int
    card_type: str
    selected_items: tuple[SelectedItem, ...] = ()

    @property
    def key(self) -> str:
        """The same for every delivery of this click: WeCom repeats a callback that was not answered in time."""
        parts = (self.user_id, str(self.created_at_s), self.task_id, self.event_key)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OtherCallback:
    """A callback that is no click on a card; `event` is empty for messages."""

    user_id: str
    created_at_s: int
    kind: str
    event: str


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Hex SHA-1 of the four texts, sorted and joined."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def verify(keys: CallbackKeys, signed: Signed, encrypted: str, *, now_s: float) -> None:
    """Raise Denied unless the signature is right and the timestamp within 300 s of `now_s` (Unix time)."""
    expected = signature(keys.token, signed.timestamp, signed.nonce, encrypted)
    if not _same(expected, signed.msg_signature):
        raise Denied("the signature of the callback is wrong")
    if not _DIGITS.fullmatch(signed.timestamp) or abs(now_s - int(signed.timestamp)) > MAX_AGE_S:
        raise Denied(f"the callback's timestamp is more than {MAX_AGE_S} s off")


def decrypt(keys: CallbackKeys, encrypted: str) -> str:
    """The message in an encrypted text; raises Invalid when it is broken, Denied when it is for somebody else."""
    try:
        data = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("the encrypted text is not base64") from None
    if not data or len(data) % PAD_BYTES:
        raise Invalid("the encrypted text is incomplete")
    decryptor = _cipher(keys).decryptor()
    plain = _without_padding(decryptor.update(data) + decryptor.finalize())
    start = RANDOM_BYTES + LENGTH_BYTES
    end = start + int.from_bytes(plain[RANDOM_BYTES:start], "big")
    if len(plain) < start or end > len(plain):
        raise Invalid("the decrypted text has a wrong length")
    if not hmac.compare_digest(plain[end:], keys.receive_id.encode()):
        raise Denied("the callback is meant for another receiver")
    try:
        return plain[start:end].decode()
    except UnicodeDecodeError:
        raise Invalid("the decrypted text is not UTF-8") from None


def encrypt(keys: CallbackKeys, message: str, *, random16: bytes) -> str:
    """The encrypted text of a message; `random16` are 16 fresh random bytes."""
    if len(random16) != RANDOM_BYTES:
        raise ValueError(f"random16 needs {RANDOM_BYTES} bytes")
    content = message.encode()
    plain = random16 + len(content).to_bytes(LENGTH_BYTES, "big") + content + keys.receive_id.encode()
    pad = PAD_BYTES - len(plain) % PAD_BYTES
    encryptor = _cipher(keys).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()


def answer_echo(keys: CallbackKeys, signed: Signed, echostr: str, *, now_s: float) -> str:
    """The text with which the address proves that it knows the keys: the whole body of its answer."""
    verify(keys, signed, echostr, now_s=now_s)
    return decrypt(keys, echostr)


def read_callback(keys: CallbackKeys, signed: Signed, body: bytes, *, now_s: float) -> CardClick | OtherCallback:
    """Check, decrypt and read a POST body of at most 1 MB. Raises Denied, or Invalid with the code `too_large`."""
    encrypted = _text(_parse(body), "Encrypt")
    verify(keys, signed, encrypted, now_s=now_s)
    message = _parse(decrypt(keys, encrypted).encode())
    event = message.findtext("Event") or ""
    if event in CLICK_EVENTS:
        return _click(message)
    return OtherCallback(
        user_id=_text(message, "FromUserName"),
        created_at_s=_number(message, "CreateTime"),
        kind=_text(message, "MsgType"),
        event=event,
    )


def update_button(
    keys: CallbackKeys, click: CardClick, replace_name: str, *, now_s: float, nonce: str, random16: bytes
) -> str:
    """The passive reply, within 5 s, that replaces the buttons by a text on the card of the member who clicked."""
    inner = (
        f"<xml><ToUserName>{_xml(click.user_id)}</ToUserName>"
        f"<FromUserName>{_xml(keys.receive_id)}</FromUserName>"
        f"<CreateTime>{int(now_s)}</CreateTime><MsgType>update_button</MsgType>"
        f"<Button><ReplaceName>{_xml(replace_name)}</ReplaceName></Button></xml>"
    )
    encrypted, timestamp = encrypt(keys, inner, random16=random16), str(int(now_s))
    return (
        f"<xml><Encrypt>{encrypted}</Encrypt>"
        f"<MsgSignature>{signature(keys.token, timestamp, nonce, encrypted)}</MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{_xml(nonce)}</Nonce></xml>"
    )


def _click(message: Element) -> CardClick:
    return CardClick(
        user_id=_text(message, "FromUserName"),
        created_at_s=_number(message, "CreateTime"),
        task_id=_text(message, "TaskId"),
        event_key=_text(message, "EventKey"),
        response_code=_text(message, "ResponseCode"),
        agent_id=_number(message, "AgentID"),
        card_type=message.findtext("CardType") or "",
        selected_items=tuple(
            SelectedItem(
                question_key=_text(item, "QuestionKey"),
                option_ids=tuple(option.text or "" for option in item.iterfind("OptionIds/OptionId")),
            )
            for item in message.iterfind("SelectedItems/SelectedItem")
        ),
    )


def _parse(body: bytes) -> Element:
    if len(body) > MAX_BODY_BYTES:
        raise Invalid(f"at most {MAX_BODY_BYTES} bytes are read", code="too_large")
    try:
        return fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise Invalid("XML with a document type or entities is not read") from None
    except (ParseError, ValueError, LookupError):
        raise Invalid("the body is not well-formed XML") from None


def _text(parent: Element, name: str) -> str:
    text = parent.findtext(name) or ""
    if not text:
        raise Invalid("an element is missing", errors=[Problem(f"/{parent.tag}/{name}", "required", "is missing")])
    return text


def _number(parent: Element, name: str) -> int:
    text = _text(parent, name)
    if not _DIGITS.fullmatch(text):
        raise Invalid("a number is wrong", errors=[Problem(f"/{parent.tag}/{name}", "type", "must be digits")])
    return int(text)


def _cipher(keys: CallbackKeys) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(keys.aes_key), modes.CBC(keys.aes_key[:RANDOM_BYTES]))


def _without_padding(plain: bytes) -> bytes:
    # Padded to 32 bytes although AES has blocks of 16: padders of libraries refuse values above 16.
    pad = plain[-1]
    if not 1 <= pad <= PAD_BYTES or plain[-pad:] != bytes([pad]) * pad:
        raise Invalid("the padding of the encrypted text is wrong")
    return plain[:-pad]


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text))
