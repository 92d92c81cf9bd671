"""What `make run` promises: the summary adds up, a second start is warm, every process is one of ours."""

from __future__ import annotations

import re

import httpx
import psutil

from tests.e2e.conftest import Stack

NAMES = {"ingest", "twin", "profile", "forecast", "recommend", "gateway"}


def _verdict(output: str) -> dict[str, int]:
    found = re.search(
        r"✓ ([\d,]+) records in = ([\d,]+) stored \+ ([\d,]+) duplicate \+ ([\d,]+) quarantined \+ ([\d,]+) rejected",
        output,
    )
    assert found, output[-3000:]
    names = ("received", "stored", "duplicate", "quarantined", "rejected")
    return {name: int(number.replace(",", "")) for name, number in zip(names, found.groups(), strict=True)}


def test_every_record_of_the_pack_is_accounted_for(stack: Stack):
    verdict = _verdict(stack.cold_output)

    rest = verdict["stored"] + verdict["duplicate"] + verdict["quarantined"] + verdict["rejected"]
    assert verdict["received"] == rest
    assert verdict["stored"] > 300_000


def test_the_summary_shows_what_was_made(stack: Stack):
    for name in ("twins", "profiles", "forecasts", "recommendations", "WeCom cards"):
        row = re.search(rf"{name}\s+([\d,]+)", stack.cold_output)
        assert row, name
        assert int(row.group(1).replace(",", "")) > 0, name


def test_a_second_start_loads_nothing_twice(stack: Stack):
    cold, warm = _verdict(stack.cold_output), _verdict(stack.warm_output)

    assert warm == cold


def test_the_six_processes_and_three_servers_run(stack: Stack):
    assert set(stack.pids) >= NAMES
    assert all(psutil.pid_exists(pid) for pid in stack.pids.values())


async def test_the_door_is_ready(stack: Stack):
    async with httpx.AsyncClient(base_url=stack.gateway) as client:
        ready = await client.get("/readyz")

    assert ready.json() == {"status": "ok", "services": dict.fromkeys(sorted(NAMES - {"gateway"}), True)} | {
        "services": ready.json()["services"]
    }
    assert all(ready.json()["services"].values())


async def test_the_replay_moves_twins(stack: Stack, api: httpx.AsyncClient):
    from chassis.testing import eventually

    before = (await api.get("/quality")).json()["totals"]["received"]

    async def more():
        return (await api.get("/quality")).json()["totals"]["received"] > before

    await eventually(more, within_s=90, every_s=0.5)
