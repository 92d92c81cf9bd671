"""The spool: what was synced comes out again in order, once, wherever its file was torn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import Unavailable
from services.ingest.store.spool import Spool, SpooledMessage


def message(number: int, size: int = 20) -> SpooledMessage:
    return SpooledMessage("marketwin.x", f"m{number}", {"traceparent": "t"}, bytes([number]) * size)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "spool"


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.spool"))


async def filled(folder: Path, numbers: range) -> None:
    spool = Spool(folder, max_bytes=10_000)
    for number in numbers:
        await spool.put(message(number))
    spool.close()


def waiting(folder: Path) -> list[str]:
    spool = Spool(folder, max_bytes=10_000)
    try:
        return [found.message_id for found, _ in spool.waiting(1000)]
    finally:
        spool.close()


async def test_what_was_put_waits_for_the_next_process_as_it_was(folder: Path):
    await filled(folder, range(3))

    spool = Spool(folder, max_bytes=10_000)

    assert [found for found, _ in spool.waiting(10)] == [message(number) for number in range(3)]
    assert spool.filled.is_set()


async def test_a_file_torn_at_any_byte_gives_back_every_whole_message_and_goes_on(folder: Path, tmp_path: Path):
    await filled(folder, range(3))
    (segment,) = segments(folder)
    whole = segment.read_bytes()
    size = len(whole) // 3

    for length in range(len(whole)):
        torn = tmp_path / f"torn{length}"
        shutil.copytree(folder, torn)
        segments(torn)[0].write_bytes(whole[:length])
        await filled(torn, range(7, 8))
        assert waiting(torn) == [f"m{number}" for number in range(length // size)] + ["m7"]


async def test_a_message_with_a_flipped_bit_is_not_given_back(folder: Path):
    await filled(folder, range(2))
    (segment,) = segments(folder)
    content = bytearray(segment.read_bytes())
    content[-3] ^= 1
    segment.write_bytes(content)

    assert waiting(folder) == ["m0"]


async def test_what_has_passed_does_not_come_again(folder: Path):
    await filled(folder, range(5))
    spool = Spool(folder, max_bytes=10_000)
    spool.passed(spool.waiting(2)[-1][1])
    spool.close()

    assert waiting(folder) == ["m2", "m3", "m4"]


async def test_an_emptied_spool_leaves_no_file_and_takes_more(folder: Path):
    await filled(folder, range(5))
    spool = Spool(folder, max_bytes=10_000)

    spool.passed(spool.waiting(100)[-1][1])

    assert spool.is_empty
    assert not spool.filled.is_set()
    assert segments(folder) == []
    await spool.put(message(9))
    spool.close()
    assert waiting(folder) == ["m9"]


async def test_segments_follow_each_other(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.ingest.store.spool.SEGMENT_BYTES", 150)
    await filled(folder, range(10))
    spool = Spool(folder, max_bytes=10_000)
    count = len(segments(folder))

    spool.passed(spool.waiting(4)[-1][1])

    assert count > 3
    assert len(segments(folder)) < count
    assert [found.message_id for found, _ in spool.waiting(100)] == [f"m{number}" for number in range(4, 10)]


async def test_a_full_spool_says_come_later(folder: Path):
    spool = Spool(folder, max_bytes=300)
    await spool.put(message(0, 100))

    with pytest.raises(Unavailable) as caught:
        await spool.put(message(1, 200))

    assert caught.value.retry_after_s
    assert [found.message_id for found, _ in spool.waiting(10)] == ["m0"]


async def test_two_processes_have_a_spool_each_and_what_one_left_is_taken_over(folder: Path):
    left, right = Spool(folder, max_bytes=10_000), Spool(folder, max_bytes=10_000)
    await left.put(message(1))
    await right.put(message(2))
    left.close()
    right.close()

    assert sorted(waiting(folder)) == ["m1", "m2"]


async def test_a_disk_that_fails_is_said_and_leaves_nothing_half(folder: Path, monkeypatch: pytest.MonkeyPatch):
    spool = Spool(folder, max_bytes=10_000)
    await spool.put(message(0))

    def broken(_: int) -> None:
        raise OSError(5, "broken")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", broken)
        with pytest.raises(Unavailable):
            await spool.put(message(1))
    await spool.put(message(2))
    spool.close()

    assert waiting(folder) == ["m0", "m2"]
