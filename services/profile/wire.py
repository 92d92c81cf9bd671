"""Profiles as protobuf messages, for calls and events alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.profile.v1 import events_pb2, service_pb2, types_pb2
from services.profile.domain.cycles import text_of_cycle
from services.profile.domain.explain import Explanation
from services.profile.domain.key_customer import PARTS
from services.profile.domain.outcome import CARD, FeatureName
from services.profile.domain.purchases import SUMMARY_CAP

EVENT_PROFILES = 1000
EVENT_BYTES = 1_000_000
SAME_NAME = (
    *(name for name in CARD if name != "retailer_code"),
    *("tier_rank", "tier_basis", "currency", "is_key", "model_version", "trace_id", "revision"),
)
"""What a row of the profile table calls by the name that it has in the message."""
GROWTH_TYPES = {
    "unspecified": types_pb2.GROWTH_TYPE_UNSPECIFIED,
    "potential": types_pb2.GROWTH_TYPE_POTENTIAL,
    "mature": types_pb2.GROWTH_TYPE_MATURE,
    "ordinary": types_pb2.GROWTH_TYPE_ORDINARY,
}
GROWTH_NAMES = {number: name for name, number in GROWTH_TYPES.items()}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bought:
    """What a retailer bought: the products told of in full, and the codes of the others."""

    purchases: list[types_pb2.Purchase]
    other_skus: list[str]


class ProfileWriter:
    """Writes profiles under one set of rules."""

    def __init__(self, names: Sequence[FeatureName], threshold: float) -> None:
        self._names = names
        self._threshold = threshold

    def message(self, row: Row, bought: Bought | None = None) -> types_pb2.Profile:
        """One profile; `row` has the columns of the profile table."""
        values = row["features"] if isinstance(row["features"], dict) else json.loads(row["features"])
        return types_pb2.Profile(
            retailer=row["retailer_code"],
            cycle=cycle_text(row["cycle"]),
            growth_type=GROWTH_TYPES[row["growth_type"]],
            key_score=types_pb2.KeyScore(
                **{name: row[f"part_{name}"] for name in PARTS}, total=row["score"], threshold=self._threshold
            ),
            key_overridden=row["is_overridden"],
            key_override_reason=row["override_reason"],
            features=[self._feature(each, values.get(each.name), row) for each in self._names],
            purchases=bought.purchases if bought else (),
            other_skus=bought.other_skus if bought else (),
            occurred_at=timestamp(row["occurred_at"]),
            **{name: row[name] for name in SAME_NAME},
        )

    def _feature(self, each: FeatureName, value: float | None, row: Row) -> types_pb2.Feature:
        unit = row["currency"] if each.unit == "currency" else each.unit
        if value is not None:
            return types_pb2.Feature(name=each.name, value=value, unit=unit)
        reason = row["growth_reason"] if each.column == "growth" else None
        return types_pb2.Feature(name=each.name, unit=unit, reason=reason or each.absent)

    def events(self, profiles: pl.DataFrame, purchases: pl.DataFrame) -> list[events_pb2.ProfileChanged]:
        """Events of up to 1,000 profiles and about a megabyte each, in the order of the frame."""
        bought = purchases_by_retailer(purchases)
        events = [events_pb2.ProfileChanged()]
        size = 0
        for row in profiles.iter_rows(named=True):
            profile = self.message(row, bought.get(row["retailer_code"]))
            length = profile.ByteSize()
            if events[-1].profiles and (size + length > EVENT_BYTES or len(events[-1].profiles) >= EVENT_PROFILES):
                events.append(events_pb2.ProfileChanged())
                size = 0
            events[-1].profiles.append(profile)
            size += length
        return events if events[0].profiles else []


def purchases_by_retailer(summary: pl.DataFrame) -> dict[str, Bought]:
    """What every retailer bought, in the order of the summary."""
    told = summary.filter(pl.col("place") <= SUMMARY_CAP)
    columns = told.select(
        "retailer_code",
        "sku_code",
        "cycles",
        "first_cycle",
        "last_cycle",
        pl.col("quantity_mean").fill_null(0.0),
        pl.col("interval_mean").fill_null(0.0),
        pl.col("amount").fill_null(0.0),
    )
    weeks = {week: text_of_cycle(week) for name in ("first_cycle", "last_cycle") for week in told[name].unique()}
    found: dict[str, Bought] = {}
    for retailer, sku, cycles, first, last, quantity, interval, amount in columns.iter_rows():
        found.setdefault(retailer, Bought([], [])).purchases.append(
            types_pb2.Purchase(
                sku=sku,
                cycles=cycles,
                first_cycle=weeks[first],
                last_cycle=weeks[last],
                mean_quantity_base=quantity,
                mean_interval_weeks=interval,
                amount=amount,
            )
        )
    others = summary.filter(pl.col("place") > SUMMARY_CAP).select("retailer_code", "sku_code")
    for retailer, sku in others.iter_rows():
        found[retailer].other_skus.append(sku)
    return found


def explanation_message(explanation: Explanation) -> service_pb2.Explanation:
    return service_pb2.Explanation(
        subject=explanation.subject,
        text_zh=explanation.text_zh,
        text_en=explanation.text_en,
        evidence_json=json.dumps(dict(explanation.evidence), ensure_ascii=False),
    )


def cycle_text(cycle: int) -> str:
    """ISO week; empty for a market that has seen no order yet."""
    return text_of_cycle(cycle) if cycle >= 0 else ""


def timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
