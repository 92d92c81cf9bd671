"""A member presses a button: the service tells the callback address, signed and encrypted, and applies its answer."""

from __future__ import annotations

import asyncio
import http.client
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from demo.wecom.book import Book, Message
from demo.wecom.crypto import Broken, Envelope
from demo.wecom.refusals import Fields, Json, objects_in
from demo.wecom.settings import StandInSettings

ANSWER_WITHIN_S = 5.0
VERIFY_WITHIN_S = 1.0
RETRIES = 3
MOST_REPLY_BYTES = 1_000_000


class NotClickable(Exception):
    """There is no such button for this member; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the callback address answered: HTTP status (0: none), tries, and what became of its reply."""

    status: int
    tries: int
    applied: str

    def as_fields(self) -> Fields:
        return {"status": self.status, "tries": self.tries, "applied": self.applied}


class Callback:
    """The configured callback address of the app."""

    def __init__(self, settings: StandInSettings, book: Book) -> None:
        self._settings = settings
        self._book = book
        self._envelope = (
            Envelope(settings.token, settings.encoding_aes_key, settings.corpid) if settings.callback_url else None
        )

    async def verify(self) -> Outcome:
        """What the admin console does when the address is saved: GET with an echostr that must come back in plain."""
        envelope = self._sealed()
        plain = secrets.token_hex(10)
        query = self._signed(envelope, echo := envelope.seal(plain)) | {"echostr": echo}
        status, body = await self._ask("GET", query, b"", VERIFY_WITHIN_S)
        return Outcome(status, 1, "verified" if status == http.client.OK and body == plain.encode() else "refused")

    async def click(self, message: Message, user: str, key: str, selected: dict[str, list[str]]) -> Outcome:
        """Send the click and apply what the address answers within 5 s; raises NotClickable."""
        envelope = self._sealed()
        card = _clickable_card(message, user, key)
        message.clicks[user] = key
        event = self._event(card, user, key, self._book.new_code(message))
        _add_selected(event, selected)
        status, reply, tries = await self._deliver(envelope, event)
        applied = self._apply(envelope, message, user, reply) if status == http.client.OK and reply else "nothing"
        return Outcome(status, tries, applied)

    async def tell(self, event_name: str, **more: str) -> Outcome:
        """Send an event that is no click, such as `share_chain_change`; raises NotClickable."""
        texts = {
            "ToUserName": self._settings.corpid,
            "FromUserName": "sys",
            "CreateTime": str(int(self._book.now())),
            "MsgType": "event",
            "Event": event_name,
            **more,
        }
        event = Element("xml")
        for name, text in texts.items():
            SubElement(event, name).text = text
        status, _, tries = await self._deliver(self._sealed(), event)
        return Outcome(status, tries, "nothing")

    async def _deliver(self, envelope: Envelope, event: Element) -> tuple[int, bytes, int]:
        """Sign, seal and send an event, again when it was not taken: status, answer, tries."""
        sealed = envelope.seal(tostring(event, encoding="unicode"))
        outer = Element("xml")
        for name, text in (("ToUserName", self._settings.corpid), ("AgentID", str(self._settings.agentid))):
            SubElement(outer, name).text = text
        SubElement(outer, "Encrypt").text = sealed
        query, body = self._signed(envelope, sealed), tostring(outer)
        status, reply, tries = 0, b"", 0
        while status != http.client.OK and tries <= RETRIES:
            status, reply = await self._ask("POST", query, body, ANSWER_WITHIN_S)
            tries += 1
        return status, reply, tries

    def _sealed(self) -> Envelope:
        if self._envelope is None:
            raise NotClickable("no callback address is configured")
        return self._envelope

    def _signed(self, envelope: Envelope, sealed: str) -> dict[str, str]:
        timestamp, nonce = str(int(self._book.now())), str(secrets.randbelow(10**10))
        return {"msg_signature": envelope.sign(timestamp, nonce, sealed), "timestamp": timestamp, "nonce": nonce}

    async def _ask(self, method: str, query: dict[str, str], body: bytes, limit_s: float) -> tuple[int, bytes]:
        return await asyncio.to_thread(_request, self._settings.callback_url, method, query, body, limit_s)

    def _event(self, card: Fields, user: str, key: str, code: str) -> Element:
        texts: dict[str, Json] = {
            "ToUserName": self._settings.corpid,
            "FromUserName": user,
            "CreateTime": int(self._book.now()),
            "MsgType": "event",
            "Event": "template_card_event",
            "EventKey": key,
            "TaskId": card["task_id"],
            "CardType": card["card_type"],
            "ResponseCode": code,
            "AgentID": self._settings.agentid,
        }
        event = Element("xml")
        for name, text in texts.items():
            SubElement(event, name).text = str(text)
        return event

    def _apply(self, envelope: Envelope, message: Message, user: str, reply: bytes) -> str:
        """A passive reply changes the card of the member who clicked, and of nobody else."""
        try:
            outer = fromstring(reply, forbid_dtd=True)
            inner = fromstring(
                envelope.open(
                    outer.findtext("Encrypt", ""),
                    signature=outer.findtext("MsgSignature", ""),
                    timestamp=outer.findtext("TimeStamp", ""),
                    nonce=outer.findtext("Nonce", ""),
                ),
                forbid_dtd=True,
            )
        except (Broken, ParseError, DefusedXmlException, ValueError):
            return "refused"
        kind, name = inner.findtext("MsgType", ""), inner.findtext("Button/ReplaceName", "")
        if inner.findtext("ToUserName") != user or kind != "update_button" or not name:
            return "refused"
        message.changes[user] = {"replace_name": name}
        return kind


def _clickable_card(message: Message, user: str, key: str) -> Fields:
    if user not in message.users or message.msgtype != "template_card":
        raise NotClickable("this member has no such card")
    if "replace_name" in message.changes.get(user, {}):
        raise NotClickable("the buttons of this card were replaced")
    card = message.card_for(user)
    submit = card.get("submit_button")
    buttons = [*objects_in(card, "button_list", most=6), *([submit] if isinstance(submit, dict) else [])]
    if not any(button.get("key") == key and button.get("type", 0) == 0 for button in buttons):
        raise NotClickable("the card has no such button")
    return card


def _add_selected(event: Element, selected: dict[str, list[str]]) -> None:
    items = SubElement(event, "SelectedItems")
    for question, options in selected.items():
        item = SubElement(items, "SelectedItem")
        SubElement(item, "QuestionKey").text = question
        chosen = SubElement(item, "OptionIds")
        for option in options:
            SubElement(chosen, "OptionId").text = option


def _request(address: str, method: str, query: dict[str, str], body: bytes, limit_s: float) -> tuple[int, bytes]:
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=limit_s)
    target = f"{parts.path or '/'}?{'&'.join(filter(None, (parts.query, urlencode(query))))}"
    try:
        connection.request(method, target, body, {"content-type": "text/xml"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_REPLY_BYTES)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
