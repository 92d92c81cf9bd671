"""Samples become minutes, and what is missing is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.scada.gaps import RUNNING, missing, shown, stuck
from services.ingest.domain.scada.minutes import KNOWN, MINUTES, SAMPLES, Settled, settle
from services.ingest.domain.scada.tags import TAG_COLUMNS, Tag

START = datetime(2025, 3, 16, 4, 0, tzinfo=UTC)
SPEED = "p1.make.m1.speed"
TAGS = pl.DataFrame(
    [Tag(tag=SPEED, machine="m1", unit="1/min", low=0, high=16000, rate_per_s=500).record()], schema=TAG_COLUMNS
)

Sample = tuple[float, float | None, str]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def samples(*given: Sample, tag: str = SPEED) -> pl.DataFrame:
    rows = [(tag, at(seconds), value, quality) for seconds, value, quality in given]
    return pl.DataFrame(rows, schema=SAMPLES, orient="row")


def steady(since: int, until: int, value: float = 8000.0) -> pl.DataFrame:
    return samples(*((second, value, "good") for second in range(since, until)))


NOTHING = pl.DataFrame(schema=KNOWN)


class Book:
    """The minutes as the store would keep them."""

    def __init__(self, tags: pl.DataFrame = TAGS) -> None:
        self.tags = tags
        self.rows = pl.DataFrame(schema=MINUTES)

    def take(self, new: pl.DataFrame) -> Settled:
        known = self.rows.select(*KNOWN)
        settled = settle(new, known, self.tags)
        others = self.rows.join(settled.minutes, on=["tag", "minute"], how="anti")
        self.rows = (
            pl.concat([others, settled.minutes]).sort("tag", "minute").update(settled.late, on=["tag", "minute"])
        )
        return settled

    def let_go(self) -> None:
        self.rows = self.rows.with_columns(samples=pl.lit(None, dtype=pl.String))

    def judged(self) -> pl.DataFrame:
        return self.rows.join(self.tags.select("tag", "may_rest", "rate_per_s"), on="tag", how="left")


def minute(book: Book, place: int = 0) -> dict[str, Any]:
    return book.rows.row(place, named=True)


def test_a_minute_counts_and_sums_its_usable_samples() -> None:
    book = Book()

    book.take(
        samples((0, 100.0, "good"), (1, 300.0, "uncertain"), (2, None, "good"), (3, 9.0, "bad"), (59, 200, "good"))
    )

    row = minute(book)
    assert (row["n"], row["low"], row["high"], row["total"], row["last"]) == (3, 100.0, 300.0, 600.0, 200.0)
    assert (row["bad"], row["uncertain"], row["expected"], row["machine"], row["unit"]) == (2, 1, 60, "m1", "1/min")
    assert row["last_at"] == at(59)


def test_a_sample_that_comes_again_changes_nothing() -> None:
    book = Book()
    book.take(steady(0, 30))
    before = book.rows

    book.take(pl.concat([steady(20, 30), steady(10, 30, value=1.0)]))

    assert book.rows.equals(before)


def test_a_late_sample_gives_what_it_would_have_given_in_time() -> None:
    in_time, late = Book(), Book()
    in_time.take(steady(0, 120))

    late.take(steady(60, 120))
    late.take(samples(*((second, 8000.0, "good") for second in range(59, -1, -1))))

    assert late.rows.equals(in_time.rows)


@settings(max_examples=40)
@given(
    order=st.permutations(range(24)),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    repeats=st.lists(st.integers(0, 23), max_size=16),
)
def test_the_minutes_do_not_depend_on_how_samples_are_cut_into_messages(
    order: list[int], cuts: list[int], repeats: list[int]
) -> None:
    every = [(7.0 * place, float(place * place % 11), "bad" if place % 5 == 0 else "good") for place in range(24)]
    whole, pieces = Book(), Book()
    whole.take(samples(*every))
    sent = [every[place] for place in [*order, *repeats]]

    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(sent)], strict=True):
        pieces.take(samples(*sent[start:end]))

    assert pieces.rows.equals(whole.rows)


def test_a_jump_over_the_rate_limit_is_counted_and_the_value_is_kept() -> None:
    book = Book()

    book.take(samples((0, 8000.0, "good"), (1, 8400.0, "good"), (2, 9900.0, "good"), (3, 17000.0, "good")))

    row = minute(book)
    assert (row["jumps"], row["outside"], row["high"]) == (2, 1, 17000.0)


def test_a_minute_that_let_its_samples_go_only_counts_what_comes_later() -> None:
    book = Book()
    book.take(steady(0, 30))
    book.let_go()

    book.take(steady(30, 40))

    assert (minute(book)["n"], minute(book)["late"]) == (30, 10)


def test_a_gap_is_more_than_three_periods_without_a_sample() -> None:
    book = Book()

    book.take(pl.concat([steady(0, 10), steady(12, 20), steady(30, 60)]))

    found = missing(book.judged(), now=at(60))
    assert found.select("from_at", "to_at", "reason", "seconds", "missing").rows() == [
        (at(19), at(30), "no_samples", 11.0, 10)
    ]


def test_a_gap_over_several_minutes_is_one_gap_and_its_minutes_show_no_value() -> None:
    book = Book()
    book.take(pl.concat([steady(0, 50), steady(200, 240)]))

    found = missing(book.judged(), now=at(240))
    rows = shown(book.judged(), found, at(0), at(240), now=at(240))

    assert found.select("from_at", "to_at", "seconds").rows() == [(at(49), at(200), 151.0)]
    assert rows.select("n", "mean", "gap_s").rows() == [
        (50, 8000.0, 11.0),
        (0, None, 60.0),
        (0, None, 60.0),
        (40, 8000.0, 20.0),
    ]
    assert [("gap" in marks) for marks in rows["marks"]] == [True] * 4


def test_a_stretch_of_bad_samples_is_a_gap_of_its_own_reason() -> None:
    book = Book()
    bad = samples(*((second, 1.0, "bad") for second in range(30, 150)))

    book.take(pl.concat([steady(0, 30), bad, steady(150, 180)]))

    assert missing(book.judged(), now=at(180)).select("from_at", "to_at", "reason").rows() == [
        (at(29), at(150), "bad_quality")
    ]
    assert book.rows["bad"].to_list() == [30, 60, 30]


def test_a_gap_that_lasts_has_no_end() -> None:
    book = Book()
    book.take(steady(0, 30))

    assert missing(book.judged(), now=at(32)).is_empty()
    found = missing(book.judged(), now=at(300))
    assert found.select("from_at", "to_at", "seconds").rows() == [(at(29), None, 271.0)]


@pytest.mark.parametrize(("minutes", "is_stuck"), [(30, False), (31, True), (45, True)])
def test_a_value_that_does_not_change_for_half_an_hour_while_the_machine_runs_is_stuck(
    minutes: int, is_stuck: bool
) -> None:
    book = Book()
    book.take(samples(*((second, 8000.0, "good") for second in range(0, 60 * minutes, 10))))
    running = pl.DataFrame([("m1", at(60 * place)) for place in range(minutes)], schema=RUNNING, orient="row")

    found = stuck(book.judged(), running)

    assert [row["reason"] for row in found.iter_rows(named=True)] == ["stuck"] * is_stuck
    assert stuck(book.judged(), running.clear()).is_empty()


def test_a_value_that_moves_or_a_machine_that_stops_is_not_stuck() -> None:
    moving, stopped = Book(), Book()
    moving.take(samples(*((second, 8000.0 + (second == 900), "good") for second in range(0, 2400, 10))))
    stopped.take(samples(*((second, 8000.0, "good") for second in range(0, 2400, 10))))
    always = pl.DataFrame([("m1", at(60 * place)) for place in range(40)], schema=RUNNING, orient="row")

    assert stuck(moving.judged(), always).is_empty()
    assert stuck(stopped.judged(), always.filter(pl.col("minute") != at(1200))).is_empty()


def test_a_jump_between_two_minutes_belongs_to_the_later_one() -> None:
    book = Book()
    book.take(samples((59, 8000.0, "good"), (60, 9000.0, "good"), (61, 9100.0, "good")))

    rows = shown(book.judged(), missing(book.judged(), now=at(62)), at(0), at(120), now=at(62))

    assert rows.select("minute", "jumps", "marks").rows() == [(at(0), 0, []), (at(60), 1, ["jump"])]
