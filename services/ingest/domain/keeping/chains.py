"""The states of orders, transfers and work orders, and which moves between them are allowed (E-02).

A state moves forward only, steps may be skipped; what is closed stays closed. A state may be told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

RULE_ID = "E-02"
MESSAGE = "the state does not follow from the one before; states move forward only, and what is closed stays closed"


@dataclass(frozen=True)
class Chain:
    """The states of a kind in their order, and those that end it."""

    field: str
    steps: tuple[str, ...]
    ends: tuple[str, ...] = ()
    """States that may follow any step and that nothing follows."""
    back: tuple[tuple[str, str], ...] = ()
    """Moves backward that are right all the same."""

    @cached_property
    def allowed(self) -> frozenset[tuple[str, str]]:
        """All allowed moves, from a state to another or the same."""
        states = (*self.steps, *self.ends)
        forward = {(one, other) for place, one in enumerate(self.steps) for other in self.steps[place + 1 :]}
        ending = {(one, end) for one in self.steps for end in self.ends}
        return frozenset({(state, state) for state in states} | forward | ending | set(self.back))


CHAINS: dict[str, Chain] = {
    "transfer": Chain("status", ("planned", "contracted", "permitted", "shipped", "received"), ("cancelled",)),
    "oms_order": Chain(
        "status", ("new", "checked", "allocated", "picking", "shipped", "received", "settled"), ("cancelled",)
    ),
    "commercial_order": Chain(
        "state", ("new", "confirmed", "delivering", "delivered", "settled"), ("cancelled", "returned")
    ),
    # A work order that is held runs on.
    "mes_work_order": Chain("status", ("released", "running", "held", "closed"), back=(("held", "running"),)),
    "purchase_order": Chain("status", ("ordered", "confirmed", "shipped", "received"), ("cancelled",)),
}


def illegal_moves(kind: str, records: pl.DataFrame, current: pl.DataFrame) -> pl.Series:
    """Which records move their key backward, against the state in `current` or an earlier one of their own.

    `records` has record_key, occurred_at and the state, in the order in which they came; `current` has the newest
    known record_key, occurred_at and state. A record that is older than what is known is history and may say what it
    likes. After an illegal move the furthest state before it still counts.
    """
    chain = CHAINS[kind]
    states = [*chain.steps, *chain.ends]
    allowed = [f"{states.index(one)}>{states.index(other)}" for one, other in sorted(chain.allowed)]
    rank = pl.col(chain.field).replace_strict(states, range(len(states)), default=None, return_dtype=pl.Int64)
    asked = records.select("record_key", "occurred_at", rank=rank).with_row_index("place")
    known = current.select("record_key", known_at="occurred_at", known=rank)
    told = asked.join(known, on="record_key", how="left", maintain_order="left").filter(
        pl.col("rank").is_not_null() & (pl.col("known_at").is_null() | (pl.col("occurred_at") >= pl.col("known_at")))
    )
    furthest = pl.max_horizontal(pl.col("rank").cum_max().shift(1).over("record_key"), "known")
    moved = told.sort("occurred_at", "place").with_columns(before=furthest)
    move = pl.concat_str("before", pl.lit(">"), "rank")
    wrong = moved.filter(pl.col("before").is_not_null() & ~move.is_in(allowed)).get_column("place")
    return asked.select(pl.col("place").is_in(wrong.implode())).to_series()
