"""Fusions and their rules as the JSON that clients see."""

from __future__ import annotations

import json

from gateway.views.base import Json, fields, time_text
from marketwin.twin.v1 import types_pb2 as pb


def rule_view(rule: pb.FusionRule) -> Json:
    return {
        **fields(rule, "model", "property", "version", "set_by"),
        "rule": json.loads(rule.rule_json),
        "known_at": time_text(rule.known_at) if rule.HasField("known_at") else None,
        "applied_at": time_text(rule.applied_at) if rule.HasField("applied_at") else None,
    }


def fusion_view(fusion: pb.Fusion) -> Json:
    spread = fields(fusion.spread, "least", "most", "deviation") if fusion.HasField("spread") else None
    return {
        **fields(fusion, "property", "unit", "chi_square", "p_value", "conflict", "standard_error", "age_s"),
        "value": json.loads(fusion.value_json or "null"),
        "rule": rule_view(fusion.rule),
        "inputs": [_input_view(each) for each in fusion.inputs],
        "spread": spread,
    }


def _input_view(each: pb.FusionInput) -> Json:
    return {
        **fields(each, "source", "quality", "reliability", "variance", "age_s", "weight", "unused"),
        "value": json.loads(each.value_json),
        "at": time_text(each.at),
        "known_at": time_text(each.known_at),
    }
