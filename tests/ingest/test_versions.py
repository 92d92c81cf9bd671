"""Which version of a record the book keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.frames.digests import DIGEST_FORM
from services.ingest.domain.keeping.versions import CURRENT_SCHEMA, judge

START = datetime(2025, 1, 1, tzinfo=UTC)
IDENTITY = {name: CURRENT_SCHEMA[name] for name in ("record_key", "payload_hash")}


def _row(
    key: str, content: str, *, occurred: int = 0, came: int = 0, source: str = "a", line: int = 0
) -> dict[str, Any]:
    return {
        "record_key": key,
        "payload_hash": content,
        "source": source,
        "occurred_at": START + timedelta(hours=occurred),
        "ingested_at": START + timedelta(days=came),
        "line": line,
        "batch_id": f"batch {came}",
    }


def _new(*rows: dict[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows), schema=CURRENT_SCHEMA)
    return frame.with_columns(pl.format("{}-{}", "batch_id", "line").alias("record_id"))


def _book(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=CURRENT_SCHEMA)


def _known(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema=IDENTITY, orient="row")


def _contents(frame: pl.DataFrame) -> list[str]:
    return frame["payload_hash"].to_list()


def test_records_of_new_keys_are_stored():
    verdict = judge(_new(_row("k1", "x"), _row("k2", "y", line=1)), _book(), _known())

    assert _contents(verdict.stored) == ["x", "y"]
    assert verdict.duplicates == 0


def test_the_newest_fact_wins():
    verdict = judge(_new(_row("k", "new", occurred=2, came=1)), _book(_row("k", "old", occurred=1)), _known())

    assert _contents(verdict.stored) == ["new"]
    assert _contents(verdict.replaced) == ["old"]


def test_an_older_fact_that_comes_later_is_kept_beside():
    verdict = judge(_new(_row("k", "late", occurred=1, came=5)), _book(_row("k", "now", occurred=2)), _known())

    assert verdict.stored.is_empty()
    assert _contents(verdict.outdated) == ["late"]
    assert verdict.replaced.is_empty()


def test_among_facts_of_one_time_the_last_of_the_same_source_wins():
    later = judge(_new(_row("k", "second", came=2)), _book(_row("k", "first", came=1)), _known())
    earlier = judge(_new(_row("k", "first", came=1)), _book(_row("k", "second", came=2)), _known())

    assert _contents(later.stored) == ["second"]
    assert _contents(earlier.outdated) == ["first"]


@pytest.mark.parametrize("mark", ["", "s:"])
def test_digests_of_two_forms_are_no_contradiction(mark: str):
    old, other = mark + "0a" * 16, mark + "0b" * 16
    book = _book(_row("k", old, source="a"))

    of_old_form = judge(_new(_row("k", other, source="b", came=1)), book, _known())
    of_new_form = judge(_new(_row("k", f"{DIGEST_FORM}0a", source="b", came=1)), book, _known())

    assert _contents(of_old_form.conflicting) == [other]
    assert of_new_form.conflicting.is_empty()
    assert _contents(of_new_form.stored) == [f"{DIGEST_FORM}0a"]
    assert _contents(of_new_form.replaced) == [old]


def test_what_a_person_decided_for_stands_until_a_person_decides_again():
    decided = {**_row("k", "right", source="b", came=1), "is_decided": True}
    again = _new(_row("k", "wrong", source="a", came=2))
    chosen = again.with_columns(quality_rules=pl.Series([["DQ-05"]]))

    repeated = judge(again, _book(decided), _known())
    newer = judge(_new(_row("k", "later", source="a", occurred=1, came=2)), _book(decided), _known())
    other_way = judge(chosen, _book(decided), _known(("k", "wrong")))

    assert (_contents(repeated.outdated), _contents(repeated.conflicting)) == (["wrong"], [])
    assert _contents(newer.stored) == ["later"]
    assert (_contents(other_way.stored), _contents(other_way.replaced)) == (["wrong"], ["right"])


def test_two_sources_that_differ_about_one_time_contradict_each_other():
    verdict = judge(_new(_row("k", "x", source="b", came=1)), _book(_row("k", "y", source="a")), _known())

    assert _contents(verdict.conflicting) == ["x"]
    assert _contents(verdict.contradicted) == ["y"]
    assert verdict.stored.is_empty()


def test_two_sources_that_agree_are_one_record():
    verdict = judge(_new(_row("k", "x", source="b", came=1)), _book(_row("k", "x", source="a")), _known())

    assert verdict.duplicates == 1
    assert verdict.conflicting.is_empty()


def test_a_version_that_was_replaced_long_ago_is_a_duplicate():
    new = _new(_row("k", "v1", came=9))

    assert judge(new, _book(_row("k", "v2", came=2)), _known(("k", "v1"))).duplicates == 1


def test_several_versions_in_one_message_leave_the_newest():
    rows = [_row("k", "b", occurred=2), _row("k", "a", occurred=1, line=1), _row("k", "c", occurred=3, line=2)]

    verdict = judge(_new(*rows), _book(), _known())

    assert _contents(verdict.stored) == ["c"]
    assert sorted(_contents(verdict.outdated)) == ["a", "b"]


ROWS = st.lists(
    st.builds(
        _row,
        st.sampled_from("kl"),
        st.sampled_from("xyz"),
        occurred=st.integers(0, 2),
        came=st.just(5),
        source=st.just("a"),
    ),
    max_size=6,
)
BOOKED = st.dictionaries(
    st.sampled_from("kl"),
    st.tuples(st.sampled_from("xyz"), st.integers(0, 2), st.integers(0, 9), st.sampled_from("ab")),
)


@settings(max_examples=200)
@given(ROWS, BOOKED, st.lists(st.tuples(st.sampled_from("kl"), st.sampled_from("xyz")), max_size=2))
def test_every_new_record_has_exactly_one_fate(
    rows: list[dict[str, Any]], booked: dict[str, tuple[str, int, int, str]], known: list[tuple[str, str]]
):
    new = _new(*[{**row, "line": place} for place, row in enumerate(rows)])
    book = _book(*[_row(k, c, occurred=o, came=d, source=s) for k, (c, o, d, s) in booked.items()])

    verdict = judge(new, book, _known(*known))

    fates = [verdict.stored, verdict.outdated, verdict.conflicting]
    assert sum(frame.height for frame in fates) + verdict.duplicates == new.height
    assert verdict.stored["record_key"].n_unique() == verdict.stored.height
    gone = pl.concat([verdict.replaced, verdict.contradicted])["record_key"].to_list()
    left = set(book["record_key"].to_list()) - set(gone)
    assert left.isdisjoint(verdict.stored["record_key"].to_list())
