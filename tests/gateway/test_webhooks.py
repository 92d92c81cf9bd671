"""Webhooks of a POS cloud, over HTTP: what is signed and fresh is taken once, everything else hears the same words."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.settings import CommonSettings
from chassis.testing import eventually
from services.ingest import app as ingest
from services.ingest.settings import IngestSettings
from tests.gateway.house import Door
from tests.gateway.house import door as open_door
from tests.gateway.problem import problem_of
from tests.ingest.builders import sale

NEW, OLD = "the new secret of the cloud", "the old secret of the cloud"
FILE = """connection: pos_cloud
type: webhook
source: pos_cloud
kind: pos_sale
options:
  secrets: [POS_NEW, POS_OLD]
"""
PATH = "/api/v1/webhooks/pos_cloud"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cloud(
    installation: CommonSettings, tmp_path_factory: pytest.TempPathFactory, spans: Any
) -> AsyncIterator[Door]:
    """A gateway before an ingest that has one webhook."""
    folder = tmp_path_factory.mktemp("connections")
    (folder / "pos_cloud.yaml").write_text(FILE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("POS_NEW", NEW)
        environ.setenv("POS_OLD", OLD)
        settings = IngestSettings(common=installation, token_key=SecretStr("t" * 32), connections=Path(folder))
        async with (
            ingest.app(settings) as running,
            open_door(installation, ingest_address=running.address) as opened,
        ):
            yield opened


def delivery(body: bytes, *, secret: str = NEW, ago_s: float = 0, id: str = "", **changes: str) -> dict[str, str]:
    timestamp = str(int(time.time() - ago_s))
    signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-marketwin-timestamp": timestamp,
        "x-marketwin-signature": signature,
        "x-marketwin-delivery": id,
    }
    return {**headers, **changes}


def body_of(order_no: str) -> bytes:
    return json.dumps([sale(order_no=order_no)]).encode()


async def post(cloud: Door, body: bytes, path: str = PATH, **changes: Any) -> httpx.Response:
    client = await cloud.stranger()
    return await client.post(path, content=body, headers=delivery(body, **changes))


def sent(response: httpx.Response) -> int:
    receipt = response.json()
    return sum(receipt[name] for name in ("accepted", "quarantined", "rejected", "duplicates"))


@pytest.mark.parametrize("secret", [NEW, OLD])
async def test_a_signed_delivery_is_taken_with_either_secret(cloud: Door, secret: str):
    answer = await post(cloud, body_of(f"W1{secret[4]}"), secret=secret)

    assert answer.status_code == 202
    assert sent(answer) == 1
    assert answer.json()["duplicates"] == 0


async def test_the_signature_may_name_its_algorithm(cloud: Door):
    body = body_of("W2")
    headers = delivery(body)
    headers["x-marketwin-signature"] = "sha256=" + headers["x-marketwin-signature"].upper()

    answer = await (await cloud.stranger()).post(PATH, content=body, headers=headers)

    assert answer.status_code == 202


async def test_a_delivery_sent_again_is_a_duplicate_also_with_a_new_timestamp(cloud: Door):
    body = body_of("W3")

    answers = [await post(cloud, body, id="d-3", ago_s=ago_s) for ago_s in (200, 100, 0)]

    assert [answer.json()["duplicates"] for answer in answers] == [0, 1, 1]
    assert len({answer.json()["batch_id"] for answer in answers}) == 1


async def test_another_body_under_a_used_id_is_a_conflict(cloud: Door):
    await post(cloud, body_of("W4"), id="d-4")

    answer = await post(cloud, body_of("W5"), id="d-4")

    problem_of(answer, 409, "key_reused")


REFUSED: dict[str, dict[str, Any]] = {
    "an unknown connection": {"path": "/api/v1/webhooks/nobody"},
    "another secret": {"secret": "a guess of sixteen letters"},
    "a stale timestamp": {"ago_s": 301},
    "a timestamp from the future": {"ago_s": -301},
    "no signature": {"x-marketwin-signature": ""},
    "a signature that is no hex": {"x-marketwin-signature": "z" * 64},
    "no timestamp": {"x-marketwin-timestamp": ""},
    "another timestamp than the signed one": {"x-marketwin-timestamp": str(int(time.time()) + 5)},
    "a timestamp that is no number": {"x-marketwin-timestamp": "soon"},
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_proven_hears_the_same_words_whatever_is_wrong(cloud: Door, case: str):
    answer = await post(cloud, body_of("W6"), **REFUSED[case])

    problem = problem_of(answer, 401, "unauthenticated")
    assert problem["detail"] == "the delivery is not accepted; check name, secret, signature and clock"
    assert problem["errors"] == []


async def test_a_changed_body_is_refused(cloud: Door):
    body = body_of("W7")

    answer = await (await cloud.stranger()).post(PATH, content=body + b" ", headers=delivery(body))

    problem_of(answer, 401, "unauthenticated")


async def test_other_content_types_are_taken_as_at_the_door(cloud: Door):
    row = sale(order_no="W8")
    body = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n".encode("gb18030")

    answer = await post(cloud, body, **{"content-type": "text/csv"})

    assert answer.status_code == 202
    assert sent(answer) == 1


async def test_a_body_above_the_limit_is_refused(cloud: Door):
    answer = await post(cloud, b"x" * (16 * 1024 * 1024 + 1))

    problem_of(answer, 413, "too_large")


async def test_one_address_may_only_knock_so_often(installation: CommonSettings, cloud: Door):
    async with open_door(installation, ingest_address=cloud.settings.ingest_address, webhooks_per_s=0.5) as guarded:
        answers = [await post(guarded, b"{}", secret="wrong, but long enough") for _ in range(12)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 3
    problem_of(refused[0], 429, "too_many_requests")


async def test_the_sources_show_how_the_webhook_goes(cloud: Door):
    await post(cloud, body_of("W9"), id="d-9")
    client = await cloud.client("admin")

    async def shown() -> dict[str, Any] | None:
        sources = (await client.get("/api/v1/sources")).json()["items"]
        found = [each for source in sources for each in source["connections"] if each["name"] == "pos_cloud"]
        return found[0] if found and found[0]["checkpoint"] == "delivery=d-9" else None

    connection = await eventually(shown)
    assert (connection["type"], connection["state"], connection["last_error"]) == ("webhook", "running", "")
    assert connection["records"] >= 1


async def test_no_secret_is_in_the_log(cloud: Door, capsys: pytest.CaptureFixture[str]):
    answer = await post(cloud, body_of("W10"), secret="a guess of sixteen letters")

    written = capsys.readouterr()
    assert answer.status_code == 401
    assert "webhook.refused" in written.out + written.err
    assert not any(secret in written.out + written.err + answer.text for secret in (NEW, OLD, "a guess of sixteen"))
