"""The way of a record: from its source line to the figures made from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter

from chassis.errors import NotFound, Unavailable
from gateway.auth import ReadsRecords
from gateway.clients import Behind, Services
from gateway.schemas import Json, Lineage
from gateway.views.base import time_text
from marketwin.forecast.v1 import service_pb2 as forecast_pb
from marketwin.ingest.v1 import service_pb2 as pb
from marketwin.profile.v1 import service_pb2 as profile_pb
from marketwin.recommend.v1 import service_pb2 as recommend_pb
from marketwin.twin.v1 import service_pb2 as twin_pb

router = APIRouter(tags=["quality"])

API = "/api/v1"
NEWEST_CHANGES = 200
LISTED = 20


@router.get("/lineage/{record_id}", response_model=Lineage)
async def get_lineage(record_id: str, behind: Behind, caller: ReadsRecords) -> dict[str, Any]:
    """The way of a record, or of one set aside: source, receipt, message, rules, book, versions, what was made of it.

    `exact` steps are of this very record: the trace of the request that brought it is on them. The others are about the
    same shop, product or place, and came after it. `missing` names the services that could not be asked.
    """
    found = await behind.ingest.GetLineage(pb.GetLineageRequest(record_id=record_id))
    steps = [
        {
            "stage": step.stage,
            "id": step.id,
            "at": time_text(step.at),
            "exact": bool((detail := json.loads(step.detail_json)).pop("exact", True)),
            "link": _link(step.stage, step.id, found),
            "detail": detail,
        }
        for step in found.steps
    ]
    nothing: Json = {}
    about = next((step["detail"] for step in steps if "quality_rules" in step["detail"]), nothing)
    arrived = next((step["at"] for step in steps if step["stage"] in ("book", "superseded")), "")
    asked = _followers(behind, about, arrived) if arrived else {}
    answers = await asyncio.gather(*asked.values(), return_exceptions=True)
    missing = []
    for service, answer in zip(asked, answers, strict=True):
        if isinstance(answer, list):
            steps += answer
        elif isinstance(answer, Unavailable):
            missing.append(service)
        elif not isinstance(answer, NotFound):
            raise answer
    return {"record_id": record_id, "kind": found.kind, "key": found.key, "steps": steps, "missing": missing}


def _link(stage: str, id: str, found: pb.GetLineageResponse) -> str | None:
    if stage == "book":
        return f"{API}/records/{found.kind}/{quote(found.key)}"
    return f"{API}/quarantine/{quote(id)}" if stage == "quarantine" else None


def _followers(behind: Services, about: Json, arrived: str) -> dict[str, Awaitable[list[Json]]]:
    """Who is asked what was made from the record, by service."""
    trace = str(about.get("trace_id") or "")
    shop, product, place = (str(about.get(name) or "") for name in ("retailer_code", "sku_code", "adcode"))
    ids = [f"{model}:{code}" for model, code in (("retailer", shop), ("sku", product), ("region", place)) if code]
    asked: dict[str, Awaitable[list[Json]]] = {"twin": _twins(behind, ids, trace, arrived)}
    if shop:
        asked["profile"] = _profile(behind, shop, trace, arrived)
        asked["recommend"] = _recommendations(behind, shop, product, trace, arrived)
    if product or place:
        asked["forecast"] = _forecasts(behind, product, place, trace, arrived)
    return asked


def _step(stage: str, id: str, at: str, *, link: str, exact: bool, **detail: Any) -> Json:
    return {"stage": stage, "id": id, "at": at, "exact": exact, "link": API + link, "detail": detail}


async def _twins(behind: Services, ids: list[str], trace: str, arrived: str) -> list[Json]:
    found = await asyncio.gather(*(_twin(behind, id, trace, arrived) for id in ids))
    return [step for steps in found for step in steps]


async def _twin(behind: Services, id: str, trace: str, arrived: str) -> list[Json]:
    """The change that this record made, as far as the newest changes show it, else the twin that it is about."""
    try:
        twin = (await behind.twin.GetTwin(twin_pb.GetTwinRequest(id=id))).twin
    except NotFound:
        return []
    first = max(1, twin.revision - NEWEST_CHANGES)
    asked = twin_pb.ListHistoryRequest(id=id, from_revision=first, page_size=NEWEST_CHANGES + 1)
    changes = (await behind.twin.ListHistory(asked)).changes
    link = f"/twins/{quote(id)}"
    exact = [
        _step(
            "twin",
            id,
            time_text(each.known_at),
            link=f"{link}?revision={each.revision}",
            exact=True,
            revision=each.revision,
        )
        for each in changes
        if trace and each.trace_id == trace
    ]
    at = time_text(twin.known_at)
    if exact or at < arrived:
        return exact
    return [_step("twin", id, at, link=link, exact=False, revision=twin.revision)]


async def _profile(behind: Services, shop: str, trace: str, arrived: str) -> list[Json]:
    found = (await behind.profile.GetProfile(profile_pb.GetProfileRequest(retailer=shop))).profile
    detail = {"revision": found.revision, "cycle": found.cycle, "model_version": found.model_version}
    exact = bool(trace) and found.trace_id == trace
    return [
        _step("profile", shop, time_text(found.occurred_at), link=f"/profiles/{quote(shop)}", exact=exact, **detail)
    ]


async def _recommendations(behind: Services, shop: str, product: str, trace: str, arrived: str) -> list[Json]:
    asked = recommend_pb.ListRecommendationsRequest(retailer=shop, page_size=LISTED)
    found = (await behind.recommend.ListRecommendations(asked)).recommendations
    return [
        _step(
            "recommendation",
            each.id,
            time_text(each.changed_at),
            link=f"/recommendations/{quote(each.id)}",
            exact=bool(trace) and each.trace_id == trace,
            model_version=each.model_version,
            mode=each.mode,
            sku=each.sku,
            same_product=bool(product) and each.sku == product,
        )
        for each in found
        if time_text(each.changed_at) >= arrived
    ]


async def _forecasts(behind: Services, product: str, place: str, trace: str, arrived: str) -> list[Json]:
    asked = forecast_pb.ListDemandForecastsRequest(region=place, sku=product, page_size=LISTED)
    found = (await behind.forecast.ListDemandForecasts(asked)).forecasts
    return [
        _step(
            "forecast",
            f"{each.region}:{each.sku}:{each.period}",
            time_text(each.made_at),
            link=f"/forecasts/demand?region={quote(each.region)}&sku={quote(each.sku)}",
            exact=bool(trace) and each.trace_id == trace,
            model_version=each.model_version,
            horizon=each.horizon,
            method=each.method,
            trained_through=each.trained_through or None,
        )
        for each in found
        if time_text(each.made_at) >= arrived
    ]
