"""Receipts, quarantine, balances and sources as the JSON that clients see."""

from __future__ import annotations

import json
from collections.abc import Iterable

from gateway.views.base import Json, fields, time_text
from marketwin.ingest.v1 import service_pb2 as service_pb
from marketwin.ingest.v1 import types_pb2 as ingest_pb


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
