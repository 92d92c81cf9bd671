"""Profiles of retailers as the JSON that clients see."""

from __future__ import annotations

from gateway.views.base import Json, fields, time_text
from marketwin.profile.v1 import types_pb2 as profile_pb

GROWTH = {
    profile_pb.GROWTH_TYPE_POTENTIAL: "potential",
    profile_pb.GROWTH_TYPE_MATURE: "mature",
    profile_pb.GROWTH_TYPE_ORDINARY: "ordinary",
}
GROWTH_BY_NAME = {name: number for number, name in GROWTH.items()}

_PROFILE = (
    "retailer",
    "name",
    "revision",
    "cycle",
    "market",
    "adcode",
    "account_manager",
    "license_status",
    "license_valid_to",
    "school_zone",
    "store_format",
    "market_type",
    "currency",
    "tier_rank",
    "tier_basis",
    "is_key",
    "key_overridden",
    "key_override_reason",
    "model_version",
    "trace_id",
)


def profile_view(profile: profile_pb.Profile) -> Json:
    score = profile.key_score
    return {
        **fields(profile, *_PROFILE),
        "growth_type": GROWTH.get(profile.growth_type),
        "key_score": fields(score, "quantity", "cycle", "structure", "amount", "competitor", "total", "threshold"),
        "features": [fields(each, "name", "value", "unit", "reason") for each in profile.features],
        "purchases": [
            fields(
                each,
                "sku",
                "cycles",
                "first_cycle",
                "last_cycle",
                "mean_quantity_base",
                "mean_interval_weeks",
                "amount",
            )
            for each in profile.purchases
        ],
        "occurred_at": time_text(profile.occurred_at),
    }
