"""Batches, receipts and answers as protobuf messages."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp

from marketwin.ingest.v1 import events_pb2, service_pb2, types_pb2
from services.ingest.domain.cleaning.receipt import Reason, Receipt, Refused
from services.ingest.domain.cleaning.rule import Rule
from services.ingest.domain.frames.native import to_array
from services.ingest.domain.rules import Described
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.schema import json_schema
from services.ingest.usecases import (
    Accepted,
    Balance,
    ConnectionSeen,
    Erasure,
    QualityDay,
    Quarantined,
    RuleCount,
    SetAside,
    SourceSeen,
)

COMPRESSED_FROM_ROWS = 64


def accepted_event(part: Accepted) -> events_pb2.RecordsAccepted:
    occurred = to_array(part.records.get_column("occurred_at")).view(np.int64)
    return events_pb2.RecordsAccepted(
        batch_id=part.part_id,
        kind=part.kind,
        schema_version=part.schema_version,
        source=part.source,
        count=part.records.height,
        occurred_from=_since_1970(occurred.min()),
        occurred_to=_since_1970(occurred.max()),
        ingested_at=_timestamp(part.at),
        arrow_ipc=to_ipc(part.records),
        received=part.records.height + part.refused + part.duplicates,
        duplicates=part.duplicates,
        repaired=part.repaired,
        replayed=part.replayed,
    )


def accepted_part(event: events_pb2.RecordsAccepted) -> Accepted:
    return Accepted(
        part_id=event.batch_id,
        kind=event.kind,
        schema_version=event.schema_version,
        source=event.source,
        records=from_ipc(event.arrow_ipc),
        at=event.ingested_at.ToDatetime(UTC),
        duplicates=event.duplicates,
        repaired=event.repaired,
        refused=event.received - event.count - event.duplicates,
        replayed=tuple(event.replayed),
    )


def refused_event(part: SetAside) -> events_pb2.RecordsRefused:
    return events_pb2.RecordsRefused(
        batch_id=part.batch_id,
        kind=part.kind,
        source=part.source,
        records=[
            events_pb2.RefusedRecord(
                line=refused.line,
                severity=refused.severity,
                record_json=refused.record_json,
                reasons=[reason_message(reason) for reason in refused.reasons],
            )
            for refused in part.records
        ],
        refused_at=_timestamp(part.at),
    )


def refused_part(event: events_pb2.RecordsRefused, message_id: str, trace_id: str) -> SetAside:
    return SetAside(
        message_id=message_id,
        batch_id=event.batch_id,
        kind=event.kind,
        source=event.source,
        records=tuple(
            Refused(record.line, record.severity, record.record_json, tuple(map(_reason, record.reasons)))
            for record in event.records
        ),
        at=event.refused_at.ToDatetime(UTC),
        trace_id=trace_id,
    )


def reason_message(reason: Reason) -> types_pb2.Reason:
    return types_pb2.Reason(
        pointer=reason.pointer,
        rule=reason.rule,
        count=reason.count,
        message=reason.message,
        severity=reason.severity,
    )


def _reason(message: types_pb2.Reason) -> Reason:
    return Reason(message.pointer, message.rule, message.count, message.message, message.severity)


def receipt_message(receipt: Receipt) -> types_pb2.Receipt:
    message = types_pb2.Receipt()
    fill_receipt(message, receipt)
    return message


def fill_receipt(message: types_pb2.Receipt, receipt: Receipt) -> None:
    """Says a receipt in an empty message: what is zero is said already, and to set it costs more than to look."""
    message.batch_id = receipt.batch_id
    if receipt.accepted:
        message.accepted = receipt.accepted
    if receipt.repaired:
        message.repaired = receipt.repaired
    if receipt.quarantined:
        message.quarantined = receipt.quarantined
    if receipt.rejected:
        message.rejected = receipt.rejected
    if receipt.duplicates:
        message.duplicates = receipt.duplicates
    if receipt.spooled:
        message.spooled = True
    if receipt.reasons:
        message.reasons.extend(map(reason_message, receipt.reasons))


def kind_message(kind: Kind) -> types_pb2.Kind:
    return types_pb2.Kind(
        name=kind.name,
        schema_version=kind.schema_version,
        json_schema=json.dumps(json_schema(kind), ensure_ascii=False),
        key_fields=kind.keys,
        doc=kind.doc,
    )


def quarantine_message(item: Quarantined) -> types_pb2.QuarantineItem:
    message = types_pb2.QuarantineItem(
        id=item.id,
        kind=item.kind,
        source=item.source,
        batch_id=item.batch_id,
        line=item.line,
        record_json=item.record_json,
        reasons=[reason_message(reason) for reason in item.reasons],
        state=item.state,
        quarantined_at=_timestamp(item.at),
        trace_id=item.trace_id,
        revision=item.revision,
        original_json=item.original_json,
        changed_by=item.changed_by,
        replayed_as=item.replayed_as,
        drop_reason=item.drop_reason,
    )
    if item.changed_at is not None:
        message.changed_at.FromDatetime(item.changed_at)
    return message


def balance_message(balance: Balance) -> types_pb2.QualityBalance:
    return types_pb2.QualityBalance(
        source=balance.source,
        kind=balance.kind,
        received=balance.received,
        stored=balance.stored,
        duplicate=balance.duplicate,
        quarantined=balance.quarantined,
        rejected=balance.rejected,
        pending=balance.pending,
        repaired=balance.repaired,
    )


def day_message(day: QualityDay) -> types_pb2.QualityDay:
    return types_pb2.QualityDay(day=day.day.isoformat(), balance=balance_message(day.balance))


def rule_count_message(count: RuleCount) -> types_pb2.RuleCount:
    return types_pb2.RuleCount(
        rule=count.rule, severity=count.severity, source=count.source, kind=count.kind, records=count.records
    )


def rule_message(rule: Rule | Described) -> types_pb2.Rule:
    return types_pb2.Rule(id=rule.id, severity=rule.severity.value, doc=rule.doc)


def source_message(source: SourceSeen) -> types_pb2.Source:
    message = types_pb2.Source(
        name=source.name,
        mapped_kinds=source.mapped_kinds,
        received=source.received,
        open_quarantine=source.open_quarantine,
    )
    if source.newest is not None:
        message.newest_biz_date = source.newest.isoformat()
    if source.last_seen_at is not None:
        message.last_seen_at.FromDatetime(source.last_seen_at)
    if source.lag_s is not None:
        message.lag_s = source.lag_s
    message.connections.extend(map(_connection_message, source.connections))
    message.partial_days.extend(day.isoformat() for day in source.partial_days)
    return message


def _connection_message(connection: ConnectionSeen) -> types_pb2.Connection:
    message = types_pb2.Connection(
        name=connection.name,
        type=connection.type,
        state=connection.state,
        last_error=connection.last_error,
        records=connection.records,
        checkpoint=connection.checkpoint,
    )
    if connection.last_success_at is not None:
        message.last_success_at.FromDatetime(connection.last_success_at)
    return message


def erasure_message(erasure: Erasure) -> types_pb2.Erasure:
    message = types_pb2.Erasure(
        id=erasure.id,
        type=erasure.type,
        token=erasure.digests[0] if erasure.type == "erase" else "",
        requested_by=erasure.requested_by,
        reason=erasure.reason,
        requested_at=_timestamp(erasure.requested_at),
        stores=[
            types_pb2.ErasedFrom(store=name, values=traces.removed, left=traces.left)
            for name, traces in sorted(erasure.stores.items())
        ],
    )
    if erasure.finished_at is not None:
        message.finished_at.FromDatetime(erasure.finished_at)
    return message


def kinds_answer(kinds: Sequence[Kind]) -> service_pb2.ListKindsResponse:
    return service_pb2.ListKindsResponse(kinds=[kind_message(kind) for kind in kinds])


def to_ipc(frame: pl.DataFrame) -> bytes:
    """A frame as an Arrow IPC stream; small ones are not worth compressing."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compression="lz4" if frame.height >= COMPRESSED_FROM_ROWS else "uncompressed")
    return buffer.getvalue()


def from_ipc(body: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(body))


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _since_1970(micros: np.int64) -> Timestamp:
    seconds, rest = divmod(int(micros), 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
