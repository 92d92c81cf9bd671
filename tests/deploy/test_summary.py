"""The table at the end of a run."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from deploy.summary import Balance, Doors, Summary, show

EVEN = Balance(received=10, stored=6, duplicate=2, quarantined=1, rejected=1, pending=0)
DOORS = Doors("http://127.0.0.1:8080", "http://127.0.0.1:8080/#/signin?code=" + "c" * 90, None, None)


def _shown(summary: Summary, doors: Doors = DOORS) -> str:
    output = io.StringIO()
    show(Console(file=output, width=80, highlight=False), summary, doors, seconds=12.34)
    return output.getvalue()


def test_the_total_is_the_sum_of_all_sources_and_kinds() -> None:
    summary = Summary({("a", "sku"): EVEN, ("b", "org"): EVEN}, {})

    text = _shown(summary)

    assert summary.total == Balance(20, 12, 4, 2, 2, 0)
    assert "✓ 20 records in = 12 stored + 4 duplicate + 2 quarantined + 2 rejected, in 12.3 s" in text


def test_a_balance_that_is_not_even_is_shown_as_a_fault() -> None:
    lost = Balance(received=11, stored=6, duplicate=2, quarantined=1, rejected=1, pending=0)
    under_way = Balance(received=11, stored=6, duplicate=2, quarantined=1, rejected=1, pending=1)

    assert not lost.is_even
    assert not under_way.is_even
    assert "✗ not balanced: 11 records in" in _shown(Summary({("a", "sku"): lost}, {}))
    assert "1 still on their way" in _shown(Summary({("a", "sku"): under_way}, {}))


def test_a_link_is_never_broken_into_lines() -> None:
    assert DOORS.sign_in in _shown(Summary({}, {}))


def test_the_page_of_the_stand_in_and_the_folder_are_shown_only_where_there_are_any() -> None:
    with_page = Doors(DOORS.console, DOORS.sign_in, "http://127.0.0.1:9", Path("/home/me/drop"))

    assert "http://127.0.0.1:9" in _shown(Summary({}, {}), with_page)
    assert "/home/me/drop/" in _shown(Summary({}, {}), with_page)
    assert "WeCom cards" not in _shown(Summary({}, {}))
    assert "drop files" not in _shown(Summary({}, {}))


def test_counts_are_summed_and_told_apart_and_zeros_are_left_out() -> None:
    text = _shown(Summary({}, {"twins": {"sku": 1200, "region": 51, "line": 0}}))

    assert "1,251" in text
    assert "51 region, 1,200 sku" in text
    assert "line" not in text


def test_long_names_of_sources_and_kinds_are_not_cut_at_80_columns() -> None:
    text = _shown(Summary({("online_retail_giftware", "price_observation"): EVEN, ("b", "commercial_order"): EVEN}, {}))

    for name in ("online_retail_giftware", "price_observation", "commercial_order", "quarantined"):
        assert name in text
    assert max(map(len, text.split("✓")[0].splitlines())) <= 80
