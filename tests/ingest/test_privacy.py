"""A raw phone number or consumer id is nowhere: not in the log, the tables, the files, the answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import polars as pl
import pytest

from chassis.bus import Bus, Message, subject_of
from chassis.db import Database
from chassis.errors import Invalid
from chassis.replay import follow
from chassis.settings import CommonSettings
from marketwin.ingest.v1 import events_pb2
from tests.ingest.builders import JSON, sale
from tests.ingest.running import (
    Stub,
    at,
    balances,
    everything,
    frame,
    push,
    send,
)


async def test_a_raw_phone_is_nowhere(
    ingest: Stub, log: Bus, common: CommonSettings, db: Database, capfd: pytest.CaptureFixture[str]
):
    phone, person = "15900001234", "consumer-4711-canary"
    digits = "１５９００００１２３４"
    rows = [
        sale(order_no="Z1", consumer_phone=phone, consumer_id=person, consent_ref="cn-1", sold_at=at(hours=1)),
        sale(order_no="Z2", consumer_phone=f"+86 {phone}", sku_name_raw=f"call {phone}", sold_at=at(hours=1)),
        sale(order_no="Z3", consumer_phone=phone, qty=-1, sku_name_raw=f"王先生{phone}", sold_at=at(hours=1)),
        sale(order_no=phone, consumer_phone=digits, pay_kind=phone, sold_at=at(hours=1)),
        sale(order_no="Z5", amount=phone, retailer_code=phone, sold_at=at(hours=1)),
        sale(order_no="Z6", sold_at=phone),
        {**sale(order_no="Z7", sold_at=at(hours=1)), phone: phone, "note": f"{phone} {person}"},
    ]
    heard: list[bytes] = []

    async def catch(message: Message) -> None:
        heard.append(message.subject.encode() + message.data)

    followers = [
        asyncio.create_task(follow(log, subject_of(event, "pos_sale"), catch))
        for event in (events_pb2.RecordsAccepted, events_pb2.RecordsRefused)
    ]
    await asyncio.sleep(0.2)

    receipt = await push(ingest, "pos_sale", rows, source="canary", key=phone)
    with pytest.raises(Invalid) as caught:
        await send(ingest, "pos_sale", f'[{{"consumer_phone": "{phone}"'.encode(), JSON, source="canary")

    await balances(ingest, log)
    for follower in followers:
        follower.cancel()
    decoded = b"".join(
        heard_frame.write_csv().encode() if (heard_frame := _accepted_frame(one)) is not None else one for one in heard
    )
    tables = await everything(db)
    disk = _files(Path(common.data))
    answers = str(receipt) + str(caught.value.as_dict()) + tables
    assert receipt.accepted == 4
    assert heard
    assert "Z1" in tables
    for secret in (phone, person, digits):
        assert secret not in answers
        assert secret.encode() not in decoded
        assert secret.encode() not in disk
        assert secret not in "".join(capfd.readouterr())


def _accepted_frame(message: bytes) -> pl.DataFrame | None:
    marker = b"RecordsAccepted.pos_sale"
    if not message.startswith(b"marketwin.ingest.v1." + marker):
        return None
    event = events_pb2.RecordsAccepted.FromString(message.split(marker, 1)[1])
    return frame(event.arrow_ipc).with_columns(pl.col("quality_rules").list.join(" "))


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
