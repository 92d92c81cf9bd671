from datetime import date

import numpy as np
import polars as pl

from demo.real import shapes
from demo.real.tables import _order_lines, price_class

# Two squares of one degree, side by side: arc 0 is the edge they share, with a point a hair off the line.
TWINS = {
    "transform": {"scale": [0.001, 0.001], "translate": [10.0, 40.0]},
    "arcs": [
        [[1000, 0], [1, 500], [-1, 500]],
        [[1000, 1000], [-1000, 0], [0, -1000], [1000, 0]],
        [[1000, 0], [1000, 0], [0, 1000], [-1000, 0]],
    ],
    "objects": {
        "west": {"type": "Polygon", "arcs": [[0, 1]]},
        "east": {"type": "Polygon", "arcs": [[2, -1]]},
    },
}


def _invoices(*rows: tuple[str, int, int, str, int]) -> pl.DataFrame:
    """order, day of January 2011, customer, sku, qty; a piece costs 2."""
    return pl.DataFrame(
        {
            "order_id": [row[0] for row in rows],
            "day": [date(2011, 1, row[1]) for row in rows],
            "customer": [row[2] for row in rows],
            "sku": [row[3] for row in rows],
            "qty": [row[4] for row in rows],
            "amount": [row[4] * 2.0 for row in rows],
        }
    )


def _status(lines: pl.DataFrame) -> dict[str, str]:
    return dict(lines.select("order_id", "status").iter_rows())


def test_neighbours_share_the_thinned_edge_and_leave_no_gap() -> None:
    atlas = shapes.read_atlas(TWINS, tolerance_deg=0.01)

    west = shapes.polygons(atlas, atlas.objects["west"], smallest_deg2=0.01)[0][0]
    east = shapes.polygons(atlas, atlas.objects["east"], smallest_deg2=0.01)[0][0]

    assert [11.001, 40.5] not in west.tolist() + east.tolist()
    assert shapes.area(west) == shapes.area(east) == 1.0
    assert {(11.0, 40.0), (11.0, 41.0)} <= set(map(tuple, west.tolist())) & set(map(tuple, east.tolist()))


def test_a_bend_wider_than_the_tolerance_stays() -> None:
    line = np.array([[0.0, 0.0], [1.0, 0.001], [2.0, 0.5], [3.0, 0.0]])

    thinned = shapes.thin(line, tolerance_deg=0.3)

    assert thinned.tolist() == [[0.0, 0.0], [2.0, 0.5], [3.0, 0.0]]


def test_the_outer_ring_runs_anticlockwise_and_a_hole_clockwise() -> None:
    clockwise = np.array([[0.0, 0.0], [0.0, 3.0], [3.0, 3.0], [3.0, 0.0], [0.0, 0.0]])

    outer, hole = shapes.wound([clockwise, clockwise[::-1]])

    assert outer == clockwise[::-1].tolist()
    assert hole == clockwise.tolist()


def test_the_centroid_of_a_square_is_its_middle_even_with_crowded_corners() -> None:
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 0.1], [2.0, 0.2], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]])

    assert shapes.centroid(square) == (1.0, 1.0)


def test_an_islet_is_left_out_but_the_largest_part_never_is() -> None:
    arcs = [
        [[0, 0], [10, 0], [0, 10], [-10, 0], [0, -10]],
        [[100, 0], [1, 0], [0, 1], [-1, 0], [0, -1]],
    ]
    topology = {"transform": {"scale": [0.1, 0.1], "translate": [0, 0]}, "arcs": arcs, "objects": {}}
    atlas = shapes.read_atlas(topology, tolerance_deg=0.001)
    islands = {"type": "MultiPolygon", "arcs": [[[1]], [[0]]]}

    kept_above_half = shapes.polygons(atlas, islands, smallest_deg2=0.5)
    kept_above_all = shapes.polygons(atlas, islands, smallest_deg2=5.0)

    assert [round(shapes.area(polygon[0]), 6) for polygon in kept_above_half] == [1.0]
    assert [round(shapes.area(polygon[0]), 6) for polygon in kept_above_all] == [1.0]
    assert len(shapes.polygons(atlas, islands, smallest_deg2=0.001)) == 2


def test_a_cancellation_undoes_the_latest_line_of_its_customer_item_and_quantity() -> None:
    lines = _order_lines(
        _invoices(("1", 3, 7, "A", 12), ("2", 5, 7, "A", 12), ("C3", 6, 7, "A", -12), ("4", 8, 7, "A", 12))
    )

    assert _status(lines) == {"1": "invoiced", "2": "cancelled", "C3": "cancelled", "4": "invoiced"}


def test_a_partial_cancellation_undoes_no_line() -> None:
    lines = _order_lines(_invoices(("1", 3, 7, "A", 12), ("C2", 4, 7, "A", -5), ("3", 4, 8, "A", 5)))

    assert _status(lines) == {"1": "invoiced", "C2": "cancelled", "3": "invoiced"}


def test_lines_are_numbered_from_one_within_each_invoice() -> None:
    lines = _order_lines(_invoices(("2", 4, 7, "B", 1), ("1", 3, 7, "B", 1), ("1", 3, 7, "A", 1)))

    assert lines.select("order_id", "line", "sku").rows() == [("1", 1, "A"), ("1", 2, "B"), ("2", 1, "B")]


def test_price_classes_are_fifths_with_the_dearest_first() -> None:
    prices = pl.DataFrame({"price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]})

    classes = prices.select(price_class("price")).to_series().to_list()

    assert classes == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_a_ring_whose_arcs_do_not_quite_meet_is_closed() -> None:
    arcs = [[[0, 0], [10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -9]]]
    topology = {"transform": {"scale": [0.1, 0.1], "translate": [0, 0]}, "arcs": arcs, "objects": {}}
    atlas = shapes.read_atlas(topology, tolerance_deg=0.001)

    ring = shapes.polygons(atlas, {"type": "Polygon", "arcs": [[0, 1]]}, smallest_deg2=0.0)[0][0]

    assert ring.tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.1], [0.0, 0.0]]
