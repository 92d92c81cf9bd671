"""WeCom callbacks: verified, decrypted, handed to recommend."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from chassis.errors import ChassisError, NotFound
from gateway.bodies import read_body
from gateway.clients import Behind
from gateway.wecom import (
    MAX_BODY_BYTES,
    CallbackKeys,
    CardClick,
    OtherCallback,
    Signed,
    answer_echo,
    read_callback,
    update_button,
)
from marketwin.ingest.v1 import service_pb2 as ingest_pb
from marketwin.recommend.v1 import service_pb2 as pb

router = APIRouter(tags=["wecom"])
log = structlog.get_logger()

# WeCom repeats a callback that is not answered within 5 s.
ANSWER_DEADLINE_S = 4.0
BOOK_EVENTS = frozenset({"share_chain_change"})

Part = Annotated[str, Query(max_length=200)]


@router.get("/wecom/callback", response_class=PlainTextResponse)
async def verify_address(
    request: Request, msg_signature: Part, timestamp: Part, nonce: Part, echostr: Annotated[str, Query(max_length=2000)]
) -> PlainTextResponse:
    """Proves to WeCom that this address knows the keys."""
    signed = Signed(msg_signature, timestamp, nonce)
    return PlainTextResponse(answer_echo(_keys(request), signed, echostr, now_s=time.time()))


@router.post("/wecom/callback")
async def hear_callback(
    request: Request, behind: Behind, msg_signature: Part, timestamp: Part, nonce: Part
) -> Response:
    """Takes a card click; answers with the card as it should look now."""
    keys = _keys(request)
    body = await read_body(request, MAX_BODY_BYTES)
    heard = read_callback(keys, Signed(msg_signature, timestamp, nonce), body, now_s=time.time())
    if isinstance(heard, OtherCallback) and heard.event in BOOK_EVENTS:
        # Noted and answered at once; the book is read later, by who waits for the news.
        await behind.ingest.NoteNews(ingest_pb.NoteNewsRequest(topic=heard.event), timeout=ANSWER_DEADLINE_S)
        return Response(status_code=200)
    if not isinstance(heard, CardClick):
        log.info("wecom.ignored", kind=heard.kind, event_name=heard.event)
        return Response(status_code=200)
    try:
        answered = await behind.recommend.AnswerCard(
            pb.AnswerCardRequest(
                task_id=heard.task_id,
                event_key=heard.event_key,
                user_id=heard.user_id,
                response_code=heard.response_code,
                message_key=heard.key,
            ),
            timeout=ANSWER_DEADLINE_S,
        )
    except NotFound:
        # A card of a recommendation that is gone: repeating the callback would not bring it back.
        log.warning("wecom.unknown_card")
        return Response(status_code=200)
    except ChassisError as error:
        log.warning("wecom.not_taken", error=type(error).__name__)
        raise
    reply = update_button(
        keys,
        heard,
        answered.replace_name,
        now_s=time.time(),
        nonce=secrets.token_hex(8),
        random16=secrets.token_bytes(16),
    )
    return Response(reply, media_type="application/xml")


def _keys(request: Request) -> CallbackKeys:
    keys: CallbackKeys | None = request.app.state.wecom_keys
    if keys is None:
        raise NotFound("no WeCom corp is configured", code="wecom_not_configured")
    return keys
