"""Twins and their changes as the JSON that clients see."""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quoted

from gateway.views.base import time_text
from marketwin.twin.v1 import types_pb2 as twin_pb


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
