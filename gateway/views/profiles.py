"""Profiles of retailers as the JSON that clients see."""

from __future__ import annotations

from gateway.views.base import Json, fields, plain_fields, time_text
from marketwin.profile.v1 import types_pb2 as profile_pb

GROWTH = {
    profile_pb.GROWTH_TYPE_POTENTIAL: "potential",
    profile_pb.GROWTH_TYPE_MATURE: "mature",
    profile_pb.GROWTH_TYPE_ORDINARY: "ordinary",
}
GROWTH_BY_NAME = {name: number for number, name in GROWTH.items()}


def profile_view(profile: profile_pb.Profile) -> Json:
    return {
        **plain_fields(profile),
        "growth_type": GROWTH.get(profile.growth_type),
        "key_score": plain_fields(profile.key_score),
        "features": [fields(each, "name", "value", "unit", "reason") for each in profile.features],
        "purchases": [plain_fields(each) for each in profile.purchases],
        "occurred_at": time_text(profile.occurred_at),
    }
