"""History of all series as one matrix: a row for each series, a column for each ISO week."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from services.forecast.domain.market_calendar import Days, week_index, week_starts

Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

GROUPS = {"sku": "sku_code", "region": "adcode", "pool": "pool", "market": "market"}
"""Groups of series that have totals of their own, and the column of the series that names the group."""

# A market of several series that sells in nearly every week was closed or cut off when all of it is silent.
_SILENCE_SERIES = 5
_SILENCE_SHARE = 0.97


@dataclass(frozen=True, slots=True)
class Group:
    """Totals of groups: `row` says which row of `total` a series belongs to; unknown weeks are NaN."""

    row: Ints
    total: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Panel:
    """Weekly quantities in base units.

    `series` has a row for each matrix row: series_id, sku_code, adcode, market, pool (series that share seasons and
    clocks: one currency, one measure), market_series (how many series the market has), has_spring_festival.
    `first_week` is the week number of column 0 of each row, the same within a pool: pools whose records end years
    apart still fill the same columns. `quantity` and `amount` are (series, weeks) float32; quantity is NaN before a
    series' first sale, in weeks without reports and after the last complete week of its market. `last` is the column
    of that last complete week. `to_date` is what the week in progress has brought so far.
    """

    series: pl.DataFrame
    first_week: Ints
    quantity: Matrix
    amount: Matrix
    last: Ints
    to_date: Matrix
    groups: dict[str, Group]

    @property
    def weeks(self) -> int:
        """Number of columns."""
        return int(self.quantity.shape[1])

    def monday(self, series: Ints, column: Ints) -> Days:
        """The Monday of a column of a row, also of columns after the end."""
        return week_starts(self.first_week[series] + column)

    def until(self, weeks_back: int) -> Self:
        """What was known `weeks_back` weeks ago: later columns are forgotten, not only hidden."""
        width = max(1, self.weeks - weeks_back)
        return type(self)(
            series=self.series,
            first_week=self.first_week,
            quantity=self.quantity[:, :width].copy(),
            amount=self.amount[:, :width].copy(),
            last=np.minimum(self.last, width - 1),
            to_date=np.where(self.last >= width, 0, self.to_date).astype(np.float32),
            groups={name: Group(group.row, group.total[:, :width].copy()) for name, group in self.groups.items()},
        )


def group_totals(cells: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """Weekly totals of every group: kind (a key of GROUPS), pool, member, week, quantity."""
    joined = cells.join(series.select("series_id", *GROUPS.values()), on="series_id")
    return pl.concat(
        joined.with_columns(kind=pl.lit(kind), member=pl.col(column))
        .group_by("kind", "pool", "member", "week")
        .agg(pl.col("quantity").sum())
        for kind, column in GROUPS.items()
    )


def build_panel(
    cells: pl.DataFrame, series: pl.DataFrame, clocks: pl.DataFrame, totals: pl.DataFrame, *, history_weeks: int
) -> Panel:
    """Lay weekly cells out as a panel.

    `cells`: series_id, week (Monday), quantity, amount; absent weeks are zero. `series`: the columns of
    `Panel.series`. `clocks`: market, pool, complete_week (Monday of the last complete week). `totals`: as
    `group_totals` makes them, over all series of the groups, also those that are not in `series`. Keeps at most
    `history_weeks` before the newest clock of each pool. Series without a clock are left out.
    """
    newest = clocks.group_by("pool").agg(newest=pl.col("complete_week").max())
    rows = series.join(clocks, on=["market", "pool"]).join(newest, on="pool").sort("series_id").with_row_index("row")
    totals = totals.join(newest, on="pool")
    reach = week_index(totals["newest"].to_numpy()) - week_index(totals["week"].to_numpy()) + 1
    width = int(np.clip(reach.max(initial=1), 1, history_weeks))
    first = week_index(rows["newest"].to_numpy()) - width + 1
    last = week_index(rows["complete_week"].to_numpy()) - first
    groups = {kind: _group(kind, totals.with_columns(column=width - reach), rows, width) for kind in GROUPS}
    quantity, amount = _spread(rows, cells, width)
    to_date = np.where(last >= -1, quantity[np.arange(rows.height), np.clip(last + 1, 0, width)], 0)
    _forget_unknown(quantity, last, _silent(groups["market"], rows))
    return Panel(
        series=rows.drop("row", "complete_week", "newest"),
        first_week=first,
        quantity=quantity[:, :-1],
        amount=amount[:, :-1],
        last=last,
        to_date=to_date.astype(np.float32),
        groups=groups,
    )


def _spread(rows: pl.DataFrame, cells: pl.DataFrame, width: int) -> tuple[Matrix, Matrix]:
    """Quantities and amounts with one column more than the panel, for the week in progress."""
    placed = cells.filter(pl.col("quantity") > 0).join(rows.select("series_id", "row", "newest"), on="series_id")
    column = width - 1 - week_index(placed["newest"].to_numpy()) + week_index(placed["week"].to_numpy())
    inside = (column >= 0) & (column <= width)
    place = placed["row"].to_numpy().astype(np.int64)[inside], column[inside]
    quantity = np.zeros((rows.height, width + 1), dtype=np.float32)
    amount = np.zeros_like(quantity)
    np.add.at(quantity, place, placed["quantity"].to_numpy()[inside].astype(np.float32))
    np.add.at(amount, place, placed["amount"].fill_null(0).to_numpy()[inside].astype(np.float32))
    return quantity, amount


def _group(kind: str, totals: pl.DataFrame, rows: pl.DataFrame, width: int) -> Group:
    names = rows.select("pool", member=GROUPS[kind])
    members = names.unique(maintain_order=True).with_row_index("group")
    row = names.join(members, on=["pool", "member"], how="left", maintain_order="left")["group"]
    mine = totals.filter((pl.col("kind") == kind) & pl.col("column").is_between(0, width - 1))
    mine = mine.join(members, on=["pool", "member"])
    total = np.zeros((members.height, width))
    np.add.at(total, (mine["group"].to_numpy(), mine["column"].to_numpy()), mine["quantity"].to_numpy())
    started = np.logical_or.accumulate(total > 0, axis=1)
    total[~started] = np.nan
    return Group(row.to_numpy().astype(np.int64), total)


def _silent(market: Group, rows: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Weeks in which the whole market of a series reported nothing although it usually does."""
    known = ~np.isnan(market.total)
    share = (market.total > 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    silent = (market.total == 0) & (share >= _SILENCE_SHARE)[:, None]
    several: npt.NDArray[np.bool_] = rows["market_series"].to_numpy() >= _SILENCE_SERIES
    return np.asarray(silent[market.row] & several[:, None])


def _forget_unknown(quantity: Matrix, last: Ints, silent: npt.NDArray[np.bool_]) -> None:
    columns = np.arange(quantity.shape[1])[None, :]
    started = np.logical_or.accumulate(quantity > 0, axis=1)
    quantity[~started | (columns > last[:, None])] = np.nan
    quantity[:, :-1][silent] = np.nan
