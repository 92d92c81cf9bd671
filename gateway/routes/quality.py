"""Kinds, sources, quarantine and the balance of records."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from chassis.errors import NotFound
from gateway.auth import ReadsRecords
from gateway.clients import Behind
from gateway.schemas import Kind, Listing, Page, Quality, QuarantineItem, Source
from gateway.views import BALANCE, balance_view, kind_view, quarantine_view, source_view
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["quality"])


@router.get("/kinds", response_model=Listing[Kind])
async def list_kinds(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """All record kinds with their JSON Schemas; `x-data-class` of a field says how sensitive it is."""
    found = await behind.ingest.ListKinds(pb.ListKindsRequest())
    return {"items": [kind_view(kind) for kind in found.kinds]}


@router.get("/kinds/{kind}", response_model=Kind)
async def get_kind(kind: str, behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """One record kind."""
    found = await behind.ingest.ListKinds(pb.ListKindsRequest())
    for each in found.kinds:
        if each.name == kind:
            return kind_view(each)
    raise NotFound("there is no such kind; GET /api/v1/kinds lists them", code="unknown_kind")


@router.get("/quarantine", response_model=Page[QuarantineItem])
async def list_quarantine(
    behind: Behind,
    caller: ReadsRecords,
    kind: Annotated[str, Query(max_length=64)] = "",
    source: Annotated[str, Query(max_length=64)] = "",
    state: Annotated[str, Query(pattern="^(open|mended|replayed|dropped)$")] = "open",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> dict[str, Any]:
    """Records that were set aside, newest first, personal data masked."""
    found = await behind.ingest.ListQuarantine(
        pb.ListQuarantineRequest(kind=kind, source=source, state=state, page_size=limit, cursor=cursor)
    )
    return {"items": [quarantine_view(item) for item in found.items], "next_cursor": found.next_cursor or None}


@router.get("/quality", response_model=Quality)
async def get_quality(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """What became of every record: received = stored + duplicate + quarantined + rejected + pending."""
    found = await behind.ingest.GetQuality(pb.GetQualityRequest())
    items = [balance_view(balance) for balance in found.balances]
    return {"items": items, "totals": {name: sum(item[name] for item in items) for name in BALANCE}}


@router.get("/sources", response_model=Listing[Source])
async def list_sources(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """Sources with a mapping, and those that were seen."""
    found = await behind.ingest.ListSources(pb.ListSourcesRequest())
    return {"items": [source_view(source) for source in found.sources]}
