"""Every operation of the committed contract answers as it promises.

Each answer of each test in this folder is held against the contract (`house.Door`); here every read is asked for once,
so that none is left out.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from chassis.testing import eventually
from tests.gateway.contract import DOCUMENT, judge, operation_of
from tests.gateway.market import TAG, Market
from tests.twin.made_models import made, prop

READS = [
    path
    for path, operations in DOCUMENT["paths"].items()
    if "get" in operations
    and path not in {"/api/v1/wecom/callback", "/api/v1/forecasts/trainings/{training_id}", "/api/v1/live/events"}
    # What is only ever a file has no shape to be held against.
    and not path.endswith("/template")
]

MAY_BE_EMPTY = ("quarantine", "backtests", "differences", "privacy", "fusion-rules", "migrations")


async def _named(market: Market, template: str) -> dict[str, str]:
    """What the parameters of a path stand for in this market."""
    kind = "org" if template.startswith("/api/v1/kinds") else "commercial_order"
    [first, *_] = await market.recommendations()
    item = (await market.set_aside("CONTRACT"))["id"] if "item_id" in template else ""
    model, migration = await _migrated(market.api) if "migration_id" in template else ("region", "")
    return {
        "item_id": item,
        "record_id": (await market.api.get("/api/v1/orders/O/0-1")).json()["items"][0]["record_id"],
        "kind": kind,
        "key": "O/0-1~1",
        "no": "O/0-1",
        "name": "late-orders",
        "twin_id": "region:US-NV",
        "model": model,
        "migration_id": migration,
        "property": "name_zh",
        "retailer": "G-A",
        "recommendation_id": first["id"],
    }


async def _migrated(api: httpx.AsyncClient) -> tuple[str, str]:
    """A type whose twin is on its way to a new version, and the id of its migration."""
    first, second = (made(f"dtmi:contract:stall;{n}", prop(name)) for n, name in ((1, "old"), (2, "new")))
    assert (await api.post("/api/v1/models", json=first)).status_code == 201
    twin = {"model": "stall", "properties": {"old": "x"}}
    await api.put("/api/v1/twins/stall:1", json=twin, headers={"if-none-match": "*"})
    steps = {"stall": [{"op": "rename", "property": "old", "to": "new"}]}
    begun = await api.post("/api/v1/models", json={"models": [second], "migration": steps})
    return "stall", begun.json()["migrations"][0]["id"]


@pytest.mark.parametrize("template", READS)
async def test_every_read_answers_as_the_contract_promises(api: httpx.AsyncClient, market: Market, template: str):
    path = template.format(**await _named(market, template))
    wanted = {"tag": TAG} if template.endswith("/scada/minutes") else {}

    async def something() -> dict[str, Any] | None:
        response = await api.get(path, params=wanted)
        assert response.status_code == 200, response.text
        judge(response)
        answer: dict[str, Any] = response.json()
        is_empty = answer.get("items") == [] and not any(word in path for word in MAY_BE_EMPTY)
        return None if is_empty else answer

    assert await eventually(something, within_s=60, every_s=0.2)


async def test_a_training_is_accepted_followed_and_measured(api: httpx.AsyncClient, market: Market):
    ended = await market.train()
    backtests = (await api.get("/api/v1/forecasts/backtests", params={"target": "annual"})).json()["items"]

    assert ended["status"] == "done"
    assert ended["progress"] == 1
    assert {"naive", "patent_v1"} <= {each["method"] for each in backtests}


@pytest.mark.parametrize("path", ["/forecasts/trainings/none", "/twins/sku:none", "/profiles/none", "/kinds/none"])
async def test_what_is_not_there_is_a_problem_as_promised(api: httpx.AsyncClient, path: str):
    response = await api.get("/api/v1" + path)

    judge(response)
    assert response.status_code == 404


async def test_the_judge_notices_what_was_not_promised(api: httpx.AsyncClient):
    response = await api.get("/api/v1/models")
    judge(response)

    response._content = b'{"items": [{"name": "sku"}]}'

    with pytest.raises(ValidationError):
        judge(response)


def test_the_most_literal_path_answers():
    assert operation_of("GET", "/api/v1/orders/statistics")["operationId"] == "order_statistics"
    assert operation_of("GET", "/api/v1/orders/7")["operationId"] == "get_order"
    assert operation_of("GET", "/elsewhere") is None
