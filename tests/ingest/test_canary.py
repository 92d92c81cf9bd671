"""Twenty thousand records with known numbers, by every road: none of them is anywhere afterwards."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from tests.ingest.canary import fed, opened, person, phone, planted, search, spooled

RECORDS = 20_000


async def test_of_twenty_thousand_known_numbers_none_is_found_anywhere(tmp_path: Path):
    async with AsyncExitStack() as rooms:
        house = await opened(tmp_path, rooms)

        counts = await fed(house, RECORDS)
        found = await search(house, RECORDS)
        await spooled(house, RECORDS)
        spools = _spools(tmp_path)
        await house.nats.start()
        await house.written()
        after = await search(house, RECORDS)
        await planted(house, 7)
        control = await search(house, RECORDS)

    assert sum(counts.values()) == RECORDS
    assert min(counts["accepted"] / RECORDS, counts["quarantined"], counts["rejected"]) > 0.5, counts
    assert spools
    assert found.found == {}
    assert after.found == {}
    assert found.searched_bytes > 20_000_000
    seen = set(control.found)
    assert {"planted.bin", "unpacked planted.parquet", "table public.planted", "cache", "log DEAD"} <= seen, seen
    assert any("postgres" in place for place in seen), seen
    assert {value for values in control.found.values() for value in values} == {phone(7), person(7)}


def _spools(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.spool") if path.stat().st_size > 10_000]
