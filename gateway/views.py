"""Protobuf messages as the JSON that clients see."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.forecast.v1 import types_pb2 as forecast_pb
from marketwin.ingest.v1 import service_pb2 as service_pb
from marketwin.ingest.v1 import types_pb2 as ingest_pb
from marketwin.profile.v1 import types_pb2 as profile_pb
from marketwin.recommend.v1 import types_pb2 as recommend_pb
from marketwin.twin.v1 import types_pb2 as twin_pb

Json = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TWO = [f"{number:02}" for number in range(60)]


def time_text(stamp: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits as are needed: none, three, six or nine."""
    days, rest = divmod(stamp.seconds, 86_400)
    minutes, second = divmod(rest, 60)
    whole = f"{_day(days)}T{_TWO[minutes // 60]}:{_TWO[minutes % 60]}:{_TWO[second]}"
    nanos = stamp.nanos
    if not nanos:
        return f"{whole}Z"
    for digits, unit in ((3, 1_000_000), (6, 1_000)):
        if not nanos % unit:
            return f"{whole}.{nanos // unit:0{digits}}Z"
    return f"{whole}.{nanos:09}Z"


@lru_cache(maxsize=1000)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()[:10]


def fields(message: Message, *names: str) -> Json:
    """The named fields; an optional one that is absent becomes null."""
    presence = _with_presence(message.DESCRIPTOR)
    return {name: getattr(message, name) if name not in presence or message.HasField(name) else None for name in names}


@cache
def _with_presence(kind: Descriptor) -> frozenset[str]:
    return frozenset(field.name for field in kind.fields if field.has_presence)


def twin_text(twin: twin_pb.Twin) -> str:
    """A twin as JSON text; its free-form parts pass through as they are."""
    relations = ", ".join(
        [f'{{"name": {quoted(each.name)}, "target": {quoted(each.target)}}}' for each in twin.relations]
    )
    return (
        f'{{"id": {quoted(twin.id)}, "model": {quoted(twin.model)}, "revision": {twin.revision}, '
        f'"properties": {twin.properties_json}, "desired": {twin.desired_json}, "relations": [{relations}], '
        f'"changed_at": "{time_text(twin.changed_at)}", "known_at": "{time_text(twin.known_at)}", '
        f'"source": {quoted(twin.source)}, "trace_id": {quoted(twin.trace_id)}'
        + (', "deleted": true}' if twin.deleted else "}")
    )


def change_text(change: twin_pb.Change) -> str:
    """A change as JSON text; its free-form parts pass through as they are."""
    rest = json.dumps(
        {
            "late": change.late,
            "changed_at": time_text(change.changed_at),
            "known_at": time_text(change.known_at),
            "source": change.source,
            "trace_id": change.trace_id,
        },
        ensure_ascii=False,
    )
    said = change.said_json or "null"
    return f'{{"revision": {change.revision}, "patch": {change.patch_json}, "said": {said}, {rest[1:]}'


def receipt_view(receipt: ingest_pb.Receipt) -> Json:
    # Named one by one: of all views this is made most often.
    return {
        "batch_id": receipt.batch_id,
        "accepted": receipt.accepted,
        "repaired": receipt.repaired,
        "quarantined": receipt.quarantined,
        "rejected": receipt.rejected,
        "duplicates": receipt.duplicates,
        "reasons": reasons_view(receipt.reasons),
        "spooled": receipt.spooled,
    }


def reasons_view(reasons: Iterable[ingest_pb.Reason]) -> list[Json]:
    return [fields(reason, "pointer", "rule", "count", "message", "severity") for reason in reasons]


def kind_view(kind: ingest_pb.Kind) -> Json:
    return {
        **fields(kind, "name", "schema_version", "doc"),
        "key_fields": list(kind.key_fields),
        "json_schema": json.loads(kind.json_schema),
    }


def quarantine_view(item: ingest_pb.QuarantineItem) -> Json:
    return {
        **fields(item, "id", "kind", "source", "batch_id", "line", "state", "trace_id", "revision"),
        "record": json.loads(item.record_json),
        "original": json.loads(item.original_json) if item.original_json else None,
        "reasons": reasons_view(item.reasons),
        "quarantined_at": time_text(item.quarantined_at),
        **fields(item, "changed_by", "replayed_as", "drop_reason"),
        "changed_at": time_text(item.changed_at) if item.HasField("changed_at") else None,
    }


def replay_view(outcome: service_pb.ReplayQuarantineResponse) -> Json:
    counts = fields(outcome, "sent", "accepted", "quarantined", "rejected", "duplicates")
    return {**counts, "reasons": reasons_view(outcome.reasons)}


def erasure_view(erasure: ingest_pb.Erasure) -> Json:
    return {
        **fields(erasure, "id", "type", "requested_by", "reason"),
        "token": erasure.token or None,
        "requested_at": time_text(erasure.requested_at),
        "finished_at": time_text(erasure.finished_at) if erasure.HasField("finished_at") else None,
        "stores": [fields(each, "store", "values", "left") for each in erasure.stores],
    }


BALANCE = ("received", "stored", "duplicate", "quarantined", "rejected", "pending", "repaired")


def balance_view(balance: ingest_pb.QualityBalance) -> Json:
    return fields(balance, "source", "kind", *BALANCE)


def day_view(day: ingest_pb.QualityDay) -> Json:
    return {"day": day.day, **balance_view(day.balance)}


def source_view(source: ingest_pb.Source) -> Json:
    return {
        **fields(source, "name", "received"),
        "mapped_kinds": list(source.mapped_kinds),
        "newest_biz_date": source.newest_biz_date or None,
        "last_seen_at": time_text(source.last_seen_at) if source.HasField("last_seen_at") else None,
        "lag_s": source.lag_s if source.HasField("lag_s") else None,
        "open_quarantine": source.open_quarantine,
        "partial_days": list(source.partial_days),
        "connections": [connection_view(connection) for connection in source.connections],
    }


def connection_view(connection: ingest_pb.Connection) -> Json:
    last = time_text(connection.last_success_at) if connection.HasField("last_success_at") else None
    return {
        **fields(connection, "name", "type", "state", "last_error", "records", "checkpoint"),
        "last_success_at": last,
    }


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


def interval_view(interval: forecast_pb.Interval) -> Json:
    return fields(interval, "low", "high", "level", "measured_coverage")


def annual_view(forecast: forecast_pb.AnnualForecast) -> Json:
    return {
        **fields(forecast, "region", "sku", "year", "method", "value", "unit", "band", "correlation", "reliable"),
        "inputs": {
            **fields(forecast, "last_year", "year_before", "inner", "price_coefficient", "price_source"),
            "weights": list(forecast.weights),
        },
        **fields(forecast, "reliable_reason", "model_version", "revision", "trace_id"),
        "flags": list(forecast.flags),
        "interval": interval_view(forecast.interval) if forecast.HasField("interval") else None,
        "made_at": time_text(forecast.made_at),
    }


def demand_view(forecast: forecast_pb.DemandForecast) -> Json:
    return {
        **fields(
            forecast, "region", "sku", "period", "horizon", "value", "unit", "method", "model_version", "revision"
        ),
        "quantiles": {f"{each.probability:g}": each.value for each in forecast.quantiles},
        "recent_mean": forecast.recent_mean,
        "trace_id": forecast.trace_id,
        "made_at": time_text(forecast.made_at),
        "trained_through": forecast.trained_through or None,
    }


def band_view(band: forecast_pb.Band) -> Json:
    return fields(band, "band", "from", "to", "label_zh", "label_en", "color_key")


def backtest_view(backtest: forecast_pb.Backtest) -> Json:
    named = ("target", "model_version", "level", "horizon", "method", "metric", "value", "observations")
    return fields(backtest, *named, "period_from", "period_to")


def training_view(training: forecast_pb.Training) -> Json:
    return {
        **fields(training, "id", "status", "message", "progress"),
        "model_versions": list(training.model_versions),
    }


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
