"""The history in an object store: the same promises, over the S3 protocol."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from deploy.embedded import free_port
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.privacy.erasing import Subject
from services.ingest.domain.schemas.history import history_rows
from services.ingest.store.erase_history import ErasableHistory
from services.ingest.store.history import history, scan
from services.ingest.store.history_upkeep import drop_past, merge
from tests.ingest.builders import KEY, clean_rows, sale

MOTO = shutil.which("moto_server") or str(Path(sys.executable).with_name("moto_server"))
POS = KINDS["pos_sale"]
PHONE = "13511112222"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    url, asked = f"http://127.0.0.1:{port}", tmp_path / "moto.log"
    with asked.open("wb") as log:
        process = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    given = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        # Where a cloud tells its machines who they are: nobody may ask there who was given keys.
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
        "AWS_METADATA_ENDPOINT": url,
        "AWS_ALLOW_HTTP": "true",
        "NO_PROXY": "*",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    try:
        _make_bucket(f"{url}/market", process)
        yield "s3://market/history"
        assert "/latest/" not in asked.read_text()
    finally:
        process.terminate()
        process.wait()


def _make_bucket(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None:
        try:
            opener.open(urllib.request.Request(url, method="PUT"), timeout=1).close()
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError("moto_server ended")


def _sales(count: int) -> pl.DataFrame:
    rows = [sale(order_no=f"P{number}", consumer_phone=PHONE, consent_ref="cn-1") for number in range(count)]
    return clean_rows("pos_sale", *rows).accepted


async def test_an_object_store_holds_every_message_once_and_forgets(bucket: str):
    async with history(bucket, kept_days=7) as past, history(bucket, kept_days=7) as other:
        added = [await past.append(POS, history_rows(POS, _sales(3), number)) for number in (1, 2, 2, 1, *range(3, 10))]
        rows = [history_rows(POS, _sales(2), number) for number in range(10, 14)]
        both = await asyncio.gather(*[writer.append(POS, each) for each in rows for writer in (past, other)])

        merged = await merge(past)
        forgetting, who = ErasableHistory(past), Subject(id="e1", tokens=(KEY.token(PHONE),))
        erased, left = await forgetting.erase(who), await forgetting.search(who)
        await drop_past(past)

        kept = scan(bucket, "pos_sale").collect()
        again = await past.append(POS, history_rows(POS, _sales(3), 5))
    assert added == [3, 3, 0, 0, *[3] * 7]
    assert sum(both) == 8
    assert merged == 13
    assert (erased, left) == ({"history": 35}, {"history": 0})
    assert kept.height == 35
    assert kept.get_column("phone_token").null_count() == 35
    assert again == 0
