"""Kinds, sources and the balance of records."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from chassis.errors import NotFound
from gateway.auth import ReadsRecords, RunsSources
from gateway.clients import Behind
from gateway.schemas import AskedRun, CleaningRule, Kind, Listing, Quality, QualityDays, Source
from gateway.views.base import fields
from gateway.views.records import BALANCE, balance_view, day_view, kind_view, source_view
from marketwin.ingest.v1 import service_pb2 as pb

router = APIRouter(tags=["quality"])
FILE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEMPLATE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            XLSX: {"schema": {"type": "string", "format": "binary"}},
            "text/csv": {"schema": {"type": "string"}},
        }
    }
}


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


@router.get("/kinds/{kind}/template", response_class=Response, responses=TEMPLATE)
async def get_template(
    kind: str,
    behind: Behind,
    caller: ReadsRecords,
    format: Annotated[str, Query(pattern="^(xlsx|csv)$", description="xlsx or csv")] = "xlsx",
) -> Response:
    """A table to fill in: the fields of the kind, a row of notes that is no record, and lists to choose from."""
    made = await behind.ingest.GetTemplate(pb.GetTemplateRequest(kind=kind, format=format))
    name = "".join(letter for letter in kind if letter in FILE_LETTERS)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    return Response(made.content, headers=headers, media_type=made.content_type)


@router.get("/quality", response_model=Quality)
async def get_quality(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """What became of every record: received = stored + duplicate + quarantined + rejected + pending."""
    found = await behind.ingest.GetQuality(pb.GetQualityRequest())
    items = [balance_view(balance) for balance in found.balances]
    return {"items": items, "totals": {name: sum(item[name] for item in items) for name in BALANCE}}


@router.get("/quality/days", response_model=QualityDays)
async def get_quality_days(
    behind: Behind,
    caller: ReadsRecords,
    source: Annotated[str, Query(max_length=64, description="Source; empty: all")] = "",
    from_: Annotated[date | None, Query(alias="from", description="First day of arrival; 28 days ago")] = None,
    to: Annotated[date | None, Query(description="Last day of arrival; today")] = None,
) -> dict[str, Any]:
    """The balance by day of arrival (trade zone), source and kind, and how often each rule fired in those days."""
    found = await behind.ingest.GetQualityDays(
        pb.GetQualityDaysRequest(
            source=source,
            from_date=from_.isoformat() if from_ else "",
            to_date=to.isoformat() if to else "",
        )
    )
    rules = [fields(rule, "rule", "severity", "source", "kind", "records") for rule in found.rules]
    return {"items": [day_view(day) for day in found.days], "rules": rules}


@router.get("/quality/rules", response_model=Listing[CleaningRule])
async def list_rules(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """All cleaning rules, by id."""
    found = await behind.ingest.ListRules(pb.ListRulesRequest())
    return {"items": [fields(rule, "id", "severity", "doc") for rule in found.rules]}


@router.get("/sources", response_model=Listing[Source])
async def list_sources(behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """Sources with a mapping, and those that were seen."""
    found = await behind.ingest.ListSources(pb.ListSourcesRequest())
    return {"items": [source_view(source) for source in found.sources]}


@router.post("/sources/{connection}/run", status_code=202, response_model=AskedRun)
async def run_connection(
    connection: Annotated[str, Path(max_length=64)], behind: Behind, caller: RunsSources
) -> dict[str, str]:
    """Has a connection that pulls look at its source now; `GET /sources` shows how it went."""
    asked = await behind.ingest.RunConnection(pb.RunConnectionRequest(name=connection))
    return {"connection": connection, "source": asked.source}
