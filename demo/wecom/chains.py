"""Upstream/downstream chains: the calls that read the address book of shops, and levers to change it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from demo.wecom.clicks import Callback, NotClickable
from demo.wecom.refusals import Fields, Refused, list_in, number_in, objects_in, text_in
from demo.wecom.service import Service

MOST_ENTRIES = 1_000_000
MOST_GROUPS = 10_000
PAGE_MOST = 100
OK: Fields = {"errcode": 0, "errmsg": "ok"}


@dataclass
class Chains:
    """Chains by id: a name, groups, and corps."""

    names: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[Fields]] = field(default_factory=dict)
    corps: dict[str, list[Fields]] = field(default_factory=dict)


def chain_calls(service: Service, chains: Chains) -> APIRouter:
    """Routes under `/cgi-bin/corpgroup`."""
    router = APIRouter(prefix="/cgi-bin/corpgroup")

    @router.get("/corp/get_chain_list")
    async def get_chain_list(access_token: str = "") -> JSONResponse:
        async with service.call("corpgroup/corp/get_chain_list"):
            service.check_token(access_token)
            found: list[Fields] = [{"chain_id": id, "chain_name": name} for id, name in chains.names.items()]
            return JSONResponse(OK | {"chains": list(found)})

    @router.post("/corp/get_chain_group")
    async def get_chain_group(request: Request, access_token: str = "") -> JSONResponse:
        async with service.call("corpgroup/corp/get_chain_group"):
            service.check_token(access_token)
            chain = _chain(chains, await _fields(request))
            return JSONResponse(OK | {"groups": list(chains.groups[chain])})

    @router.post("/corp/get_chain_corpinfo_list")
    async def get_chain_corpinfo_list(request: Request, access_token: str = "") -> JSONResponse:
        async with service.call("corpgroup/corp/get_chain_corpinfo_list"):
            service.check_token(access_token)
            return JSONResponse(OK | _page(chains, await _fields(request)))

    return router


def _page(chains: Chains, body: Fields) -> Fields:
    """Corps of one group, not of those below it; those that have not joined only where they are asked for."""
    chain = _chain(chains, body)
    group = number_in(body, "groupid", range(1, 2**31), default=1)
    limit = number_in(body, "limit", range(1, PAGE_MOST + 1), default=PAGE_MOST)
    pending = body.get("need_pending") is True
    cursor = text_in(body, "cursor")
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise Refused(40058, "cursor is not one that was given")
    start = int(cursor or 0)
    inside = [corp for corp in chains.corps[chain] if corp["groupid"] == group and (pending or corp["is_joined"])]
    more = len(inside) > start + limit
    page: Fields = {"has_more": more, "group_corps": list(inside[start : start + limit])}
    return page | {"next_cursor": str(start + limit) if more else ""}


def _chain(chains: Chains, body: Fields) -> str:
    chain = text_in(body, "chain_id", required=True)
    if chain not in chains.names:
        raise Refused(40058, "chain_id is not known")
    return chain


def chain_levers(chains: Chains, callback: Callback) -> APIRouter:
    """What the real service does not have: writing the book, and saying that it changed."""
    router = APIRouter(prefix="/stand-in")

    @router.put("/chains/{chain_id}", response_model=None)
    async def put_chain(chain_id: str, request: Request) -> Fields:
        body = await _fields(request)
        chains.names[chain_id] = text_in(body, "chain_name", required=True)
        chains.groups[chain_id] = objects_in(body, "groups", most=MOST_GROUPS, least=1)
        chains.corps[chain_id] = objects_in(body, "corps", most=MOST_ENTRIES)
        return {"chain_id": chain_id, "corps": len(list_in(body, "corps", most=MOST_ENTRIES))}

    @router.post("/chains/{chain_id}/changed", response_model=None)
    async def changed(chain_id: str) -> Fields:
        try:
            return (await callback.tell("share_chain_change", ChainId=chain_id)).as_fields()
        except NotClickable as reason:
            raise HTTPException(409, str(reason)) from None

    return router


async def _fields(request: Request) -> Fields:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refused(40058, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(40058, "the body is not an object")
    return body
