"""What the real service does not have: the page that shows the phone, and levers for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from demo.wecom.book import KEPT_MESSAGES, Book, Message
from demo.wecom.clicks import Callback, NotClickable
from demo.wecom.refusals import Fields, Json, Refused, number_in, text_in
from demo.wecom.service import Fault, Service

PAGE = Path(__file__).parent / "page"
MEMBER_STATES = ("member", "gone", "unlicensed")
GUARDS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}


def desk(service: Service, book: Book, callback: Callback) -> APIRouter:
    """The page at `/` and the routes under `/stand-in`."""
    router = APIRouter()
    _page(router)
    _views(router, service, book)
    _clicks(router, book, callback)
    _levers(router, service)
    return router


def _page(router: APIRouter) -> None:
    @router.get("/")
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html; charset=utf-8", headers=GUARDS)

    @router.get("/stand-in/page/{name}")
    async def part(name: str) -> FileResponse:
        if name not in ("page.js", "page.css"):
            raise HTTPException(404)
        return FileResponse(PAGE / name, headers=GUARDS)


def _views(router: APIRouter, service: Service, book: Book) -> None:
    @router.get("/stand-in/messages", response_model=None)
    async def messages(user: str | None = None, limit: int = 100) -> Fields:
        chosen = book.newest(user=user, limit=max(1, min(limit, KEPT_MESSAGES)))
        members: list[Json] = list(book.members())
        return _standing(book) | {"members": members, "items": [_shown(message) for message in chosen]}

    @router.get("/stand-in/statistics", response_model=None)
    async def statistics() -> Fields:
        calls: Fields = dict(service.calls)
        at_once: Fields = dict(service.most_at_once)
        return _standing(book) | {"calls": calls, "most_at_once": at_once}


def _clicks(router: APIRouter, book: Book, callback: Callback) -> None:
    @router.post("/stand-in/click", response_model=None)
    async def click(request: Request) -> Fields:
        body = await _json(request)
        message = book.find(text_in(body, "msgid", required=True))
        if message is None:
            raise HTTPException(404, "no such message is kept")
        user, key = text_in(body, "user", required=True), text_in(body, "button_key", required=True)
        try:
            outcome = await callback.click(message, user, key, _selected(body))
        except NotClickable as reason:
            raise HTTPException(409, str(reason)) from None
        return outcome.as_fields() | {"message": _shown(message)}

    @router.post("/stand-in/verify", response_model=None)
    async def verify() -> Fields:
        try:
            return (await callback.verify()).as_fields()
        except NotClickable as reason:
            raise HTTPException(409, str(reason)) from None


def _levers(router: APIRouter, service: Service) -> None:
    @router.post("/stand-in/faults", response_model=None, status_code=201)
    async def faults(request: Request) -> Fields:
        body = await _json(request)
        fault = Fault(
            errcode=number_in(body, "errcode", range(-1, 10_000_000), default=0),
            times=number_in(body, "times", range(1, 100_001), default=1),
            delay_s=number_in(body, "delay_ms", range(60_001), default=0) / 1000,
            answer_delay_s=number_in(body, "answer_delay_ms", range(60_001), default=0) / 1000,
        )
        service.inject(text_in(body, "api", required=True), fault)
        return body

    @router.post("/stand-in/revoke-tokens", response_model=None)
    async def revoke(request: Request) -> Fields:
        await _json(request)
        service.revoke_tokens()
        return {}

    @router.put("/stand-in/members/{user}", response_model=None)
    async def member(user: str, request: Request) -> Fields:
        state = text_in(await _json(request), "state", required=True)
        if state not in MEMBER_STATES:
            raise Refused(40058, f"state must be one of {', '.join(MEMBER_STATES)}")
        service.members[user.lower()] = state
        return {"user": user, "state": state}


def _standing(book: Book) -> Fields:
    return {
        "kept": len(book),
        "kept_at_most": KEPT_MESSAGES,
        "forgotten": book.forgotten,
        "dropped_over_limit": book.over_limit,
        "note": f"kept in memory: the newest {KEPT_MESSAGES} messages, gone when the stand-in stops",
    }


def _shown(message: Message) -> Fields:
    users: list[Json] = list(message.users)
    changes: Fields = dict(message.changes)
    clicks: Fields = dict(message.clicks)
    return {
        "msgid": message.msgid,
        "sent_at": datetime.fromtimestamp(message.sent_at_s, UTC).isoformat(),
        "channel": message.channel,
        "to": users,
        "msgtype": message.msgtype,
        "content": message.body(),
        "changes": changes,
        "clicks": clicks,
    }


def _selected(body: Fields) -> dict[str, list[str]]:
    selected = body.get("selected", {})
    if not isinstance(selected, dict) or not all(isinstance(options, list) for options in selected.values()):
        raise Refused(40058, "selected must map question keys to lists of option ids")
    return {key: [str(option) for option in options] for key, options in selected.items() if isinstance(options, list)}


async def _json(request: Request) -> Fields:
    # A page of another origin cannot send this content type without asking first.
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "send application/json")
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not an object")
    return body
