"""Minutes of the signals of machines, tags, shops of the WeCom book, and news of sources that connectors wait for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "ingest"
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "whole": sa.BigInteger(),
    "float": sa.Double(),
    "flag": sa.Boolean(),
    "day": sa.Date(),
    "time": sa.DateTime(timezone=True),
    "json": postgresql.JSONB(),
}
ENVELOPE = (
    "record_id:text! record_key:text! source:text! source_id:text org_code:text grant_id:text occurred_at:time! "
    "biz_date:day! ingested_at:time! batch_id:text! line:whole op:text payload_hash:text! quality_status:text "
    "quality_rules:json originals:json trace_id:text"
)
BOOKS = {
    "scada_tag": (
        "tag:text machine:text unit:text period_ms:whole low:float high:float rate_per_s:float may_rest:flag "
        "shows_running:flag updated_at:time extra:json"
    ),
    "wecom_contact": (
        "chain_id:text contact_id:text corp_name:text custom_id:text group_id:text group_path:text county:text "
        "is_joined:flag is_listed:flag retailer_code:text matched_by:text adcode:text city_org:text synced_at:time "
        "extra:json"
    ),
}
INDEXES = {"scada_tag": ("machine",), "wecom_contact": ("retailer_code", "adcode")}
MINUTE = (
    "tag:text! minute:time! machine:text unit:text period_ms:whole expected:whole n:whole! low:float high:float "
    "total:float first:float first_at:time last:float last_at:time bad:whole! uncertain:whole! outside:whole! "
    "jumps:whole! late:whole! gaps:text! samples:text changed_at:time!"
)


def _columns(spec: str, *key: str) -> list[sa.Column[Any]]:
    columns = []
    for word in spec.split():
        name, kind = word.split(":")
        nullable = not kind.endswith("!")
        columns.append(sa.Column(name, TYPES[kind.rstrip("!")], primary_key=name in key, nullable=nullable))
    return columns


def upgrade() -> None:
    for name, spec in BOOKS.items():
        op.create_table(name, *_columns(f"{ENVELOPE} {spec}", "record_key"), schema=SCHEMA)
        op.create_index(f"{name}_order", name, ["biz_date", "record_key"], schema=SCHEMA)
        for column in INDEXES[name]:
            op.create_index(f"{name}_{column}", name, [column, "biz_date"], schema=SCHEMA)
    op.create_table("scada_minute", *_columns(MINUTE, "tag", "minute"), schema=SCHEMA)
    op.create_index("scada_minute_machine", "scada_minute", ["machine", "minute"], schema=SCHEMA)
    op.create_index("scada_minute_age", "scada_minute", ["minute"], schema=SCHEMA, postgresql_using="brin")
    op.create_index(
        "scada_minute_open",
        "scada_minute",
        ["changed_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("samples IS NOT NULL"),
    )
    op.create_table(
        "source_news",
        sa.Column("topic", sa.String, primary_key=True),
        sa.Column("told", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for name in ("source_news", "scada_minute", *reversed(BOOKS)):
        op.drop_table(name, schema=SCHEMA)
