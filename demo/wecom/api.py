"""The calls of the real service that the stand-in plays."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import deque

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from demo.wecom.book import Book, Message
from demo.wecom.cards import INTERACTIVE, check_card
from demo.wecom.contents import app_content, webhook_content
from demo.wecom.refusals import Fields, Json, Refused, list_in, number_in, object_in, text_in
from demo.wecom.service import Service

MOST_RECEIVERS = 1000
MOST_PARTIES = 100
WEBHOOK_PER_MINUTE = 20
OK: Fields = {"errcode": 0, "errmsg": "ok"}


def calls(service: Service, book: Book) -> APIRouter:
    """Routes under `/cgi-bin`."""
    router = APIRouter(prefix="/cgi-bin")
    group_times: deque[float] = deque(maxlen=WEBHOOK_PER_MINUTE)

    @router.get("/gettoken")
    async def gettoken(corpid: str = "", corpsecret: str = "") -> JSONResponse:
        async with service.call("gettoken"):
            return JSONResponse(service.give_token(corpid, corpsecret))

    @router.get("/getcallbackip")
    async def getcallbackip(access_token: str = "") -> JSONResponse:
        async with service.call("getcallbackip"):
            service.check_token(access_token)
            return JSONResponse(OK | {"ip_list": ["127.0.0.1"]})

    @router.post("/message/send")
    async def send(request: Request, access_token: str = "") -> JSONResponse:
        async with service.call("message/send"):
            service.check_token(access_token)
            return JSONResponse(take_message(service, book, await _fields(request)))

    @router.post("/message/update_template_card")
    async def update(request: Request, access_token: str = "") -> JSONResponse:
        async with service.call("message/update_template_card"):
            service.check_token(access_token)
            return JSONResponse(change_card(service, book, await _fields(request)))

    @router.post("/webhook/send")
    async def webhook(request: Request, key: str = "") -> JSONResponse:
        async with service.call("webhook/send"):
            expected = service.settings.webhook_key
            if not expected or not secrets.compare_digest(key.encode(), expected.encode()):
                raise Refused(93000)
            kind, content = webhook_content(await _fields(request))
            if len(group_times) == WEBHOOK_PER_MINUTE and group_times[0] > book.now() - 60:
                raise Refused(45009, "20 messages a minute for each robot")
            group_times.append(book.now())
            book.keep(_message(book, "webhook", ("group",), kind, content))
            return JSONResponse(OK)

    return router


def take_message(service: Service, book: Book, body: Fields) -> Fields:
    """`message/send`: errcode 0 even if only some receivers are reached."""
    _check_agent(service, body)
    kind, content = app_content(body)
    if content.get("card_type") in INTERACTIVE and not service.settings.callback_url:
        raise Refused(40058, "cards with buttons need a callback url")
    number_in(body, "safe", range(2), default=0)
    interval_s = number_in(body, "duplicate_check_interval", range(1, 4 * 3600 + 1), default=1800)
    wants_check = number_in(body, "enable_duplicate_check", range(2), default=0)
    users, reply = _receivers(service, book, body)
    digest = _digest(users, kind, content)
    earlier = book.same_as(digest, within_s=interval_s) if wants_check else None
    if earlier is not None:
        return OK | reply | _handles(earlier)
    task_id = text_in(content, "task_id") if kind == "template_card" else ""
    book.check_new_task(task_id)
    service.count_person_times(len(users))
    message = _message(book, "app", book.within_limits(users), kind, content)
    message.task_id, message.digest = task_id, digest
    if content.get("card_type") in INTERACTIVE:
        book.new_code(message)
    book.keep(message)
    return OK | reply | _handles(message)


def change_card(service: Service, book: Book, body: Fields) -> Fields:
    """`message/update_template_card`: a new button text or a new card for some or all receivers."""
    _check_agent(service, body)
    code = text_in(body, "response_code", required=True)
    message = book.message_of(code)
    change = _change(body)
    wanted = [str(user) for user in list_in(body, "userids", most=MOST_RECEIVERS)]
    parties = [*list_in(body, "partyids", most=MOST_PARTIES), *list_in(body, "tagids", most=MOST_PARTIES)]
    if number_in(body, "atall", range(2), default=0):
        wanted = list(message.users)
    if not wanted and not parties:
        raise Refused(82001)
    by_name = {user.lower(): user for user in message.users}
    found = [by_name[user.lower()] for user in wanted if user.lower() in by_name]
    if not found:
        raise Refused(81013)
    book.use_code(code)
    for user in found:
        message.changes[user] = change
    unknown: list[Json] = [user.lower() for user in wanted if user.lower() not in by_name]
    return OK | {"invaliduser": "|".join(map(str, unknown))}


def _change(body: Fields) -> Fields:
    if "template_card" in body:
        card = object_in(body, "template_card")
        check_card(card)
        return {"template_card": card}
    return {"replace_name": text_in(object_in(body, "button", required=True), "replace_name", required=True)}


def _receivers(service: Service, book: Book, body: Fields) -> tuple[list[str], Fields]:
    named = [text_in(body, name) for name in ("touser", "toparty", "totag")]
    if not any(named):
        raise Refused(82001)
    users = book.members() if named[0] == "@all" else list(dict.fromkeys(filter(None, named[0].split("|"))))
    if named[0] != "@all" and len(users) > MOST_RECEIVERS:
        raise Refused(40058, "touser names more than 1000")
    if any(name.count("|") >= MOST_PARTIES for name in named[1:]):
        raise Refused(40058, "toparty or totag names more than 100")
    reached, gone, unlicensed = service.sort_out(users)
    if not reached and not unlicensed:
        raise Refused(81013)
    # No departments and tags are played: each one named is invalid.
    reply: Fields = {
        "invaliduser": "|".join(gone).lower(),
        "invalidparty": named[1].lower(),
        "invalidtag": named[2].lower(),
        "unlicenseduser": "|".join(unlicensed).lower(),
    }
    return reached, reply


def _check_agent(service: Service, body: Fields) -> None:
    if body.get("agentid") != service.settings.agentid:
        raise Refused(40056)


def _message(book: Book, channel: str, users: tuple[str, ...], kind: str, content: Fields) -> Message:
    return Message(
        msgid=secrets.token_urlsafe(24),
        sent_at_s=book.now(),
        channel=channel,
        users=users,
        msgtype=kind,
        content=json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        digest=secrets.token_hex(16),
    )


def _handles(message: Message) -> Fields:
    codes: Fields = {"response_code": message.codes[0]} if message.codes else {}
    return {"msgid": message.msgid} | codes


def _digest(users: list[str], kind: str, content: Fields) -> str:
    return hashlib.sha256(json.dumps([sorted(users), kind, content], sort_keys=True).encode()).hexdigest()


async def _fields(request: Request) -> Fields:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refused(40058, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(40058, "the body is not an object")
    return body
