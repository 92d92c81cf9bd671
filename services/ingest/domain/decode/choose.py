"""The decoder of each content type."""

from __future__ import annotations

from email.message import Message

from services.ingest.domain.decode.arrow_body import decode_arrow
from services.ingest.domain.decode.body import Decoded, Limits, Malformed
from services.ingest.domain.decode.charset import read_text
from services.ingest.domain.decode.csv_body import decode_csv
from services.ingest.domain.decode.json_body import decode_json, decode_ndjson

_JSON = ("application/json", "text/json", "")
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
_CSV = ("text/csv", "application/csv")
_ARROW = ("application/vnd.apache.arrow.stream",)


def decode(body: bytes, content_type: str, limits: Limits) -> Decoded:
    """Decodes a body by its content type; raises Malformed when nothing in it can be used."""
    if len(body) > limits.bytes:
        raise Malformed("", f"the body has more than {limits.bytes} bytes", code="too_large")
    if not body:
        raise Malformed("", "the body is empty")
    kind, charset = _parsed(content_type)
    if kind in _ARROW:
        return decode_arrow(body, limits)
    if kind in _JSON:
        return decode_json(read_text(body, charset, by_lines=False), limits)
    if kind in _NDJSON:
        return decode_ndjson(read_text(body, charset, by_lines=True), limits)
    if kind in _CSV:
        return decode_csv(read_text(body, charset, by_lines=True), limits)
    message = "send application/json, application/x-ndjson, text/csv or application/vnd.apache.arrow.stream"
    raise Malformed("", message, code="unsupported_type")


def _parsed(content_type: str) -> tuple[str, str]:
    if not content_type:
        return "", ""
    header = Message()
    header["Content-Type"] = content_type
    charset = header.get_param("charset", "")
    return header.get_content_type(), charset if isinstance(charset, str) else ""
