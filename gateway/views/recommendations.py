"""Recommendations as the JSON that clients see."""

from __future__ import annotations

import json

from gateway.views.base import Json, fields, time_text
from marketwin.recommend.v1 import types_pb2 as recommend_pb

_RECOMMENDATION = (
    "id",
    "retailer",
    "retailer_name",
    "mode",
    "sku",
    "sku_name_zh",
    "sku_name_en",
    "rank",
    "score",
    "unit",
    "state",
    "account_manager",
    "cycle",
    "model_version",
    "revision",
    "trace_id",
)


def recommendation_view(recommendation: recommend_pb.Recommendation) -> Json:
    return {
        **fields(recommendation, *_RECOMMENDATION),
        "quantity": recommendation.quantity_base or None,
        "reasons": [
            {**fields(each, "code", "text_zh", "text_en"), "evidence": json.loads(each.evidence_json or "{}")}
            for each in recommendation.reasons
        ],
        "limits": [fields(each, "code", "text_zh", "text_en", "blocks") for each in recommendation.limits],
        "created_at": time_text(recommendation.created_at),
        "changed_at": time_text(recommendation.changed_at),
    }
