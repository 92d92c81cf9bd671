"""The book of records by kind, quarantine, superseded versions, balance, receipts, inbox."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
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
    "money": sa.Numeric(14, 2),
    "measure": sa.Numeric(18, 3),
    "json": postgresql.JSONB(),
}
ENVELOPE = (
    "record_id:text! record_key:text! source:text! source_id:text org_code:text grant_id:text occurred_at:time! "
    "biz_date:day! ingested_at:time! batch_id:text! line:whole op:text payload_hash:text! quality_status:text "
    "quality_rules:json originals:json trace_id:text"
)
BOOKS = {
    "sku": (
        "sku_code:text name_zh:text name_en:text brand_code:text maker_code:text is_own:flag category:text "
        "price_class:whole price_segment:text price_allocation_ex_vat:money price_wholesale:money "
        "price_guide:money currency:text sticks_per_pack:whole packs_per_carton:whole "
        "cartons_per_master:whole tar_mg:float launch_date:day status:text base_unit:text "
        "licence_required:flag spec:text updated_at:time extra:json"
    ),
    "retailer": (
        "retailer_code:text license_no:text license_valid_to:day license_status:text name:text "
        "store_format:text market_type:text country:text adcode:text address:text lon:float lat:float "
        "trade_area:text tier:whole tier_scheme:text order_cycle_days:whole order_weekday:whole city_org:text "
        "account_manager_user_id:text wecom_corpid:text wecom_custom_id:text wecom_joined:flag "
        "owner_name_masked:text contact_phone_token:text contact_phone_masked:text pos_enabled:flag "
        "data_sharing_grade:text school_zone:flag updated_at:time extra:json"
    ),
    "org": ("kind:text parent:text adcode:text name:text name_en:text updated_at:time extra:json"),
    "commercial_order": (
        "order_no:text line_no:whole retailer_code:text sku_code:text cycle:text qty_demand_base:whole "
        "qty_cap_base:whole qty_order_base:whole demand_is_order:flag qty_raw:measure unit_raw:text "
        "price_wholesale:money amount:money amount_check:flag currency:text ordered_at:time delivered_at:time "
        "state:text adcode:text city_org:text account_manager_user_id:text extra:json"
    ),
    "commercial_sale": (
        "sku_code:text period:text qty_base:whole qty_raw:measure unit_raw:text amount:money currency:text "
        "retailers_ordering:whole adcode:text extra:json"
    ),
    "price_observation": (
        "retailer_code:text adcode:text sku_code:text observed_at:time collector:text unit:text "
        "price_observed:money currency:text promo:flag observation_source:text photo_uri:text city_org:text "
        "account_manager_user_id:text extra:json"
    ),
    "pos_sale": (
        "retailer_code:text order_no:text line_no:whole sku_code:text sku_name_raw:text unit_price:money "
        "unit:text qty:measure qty_base:whole amount:money amount_check:flag currency:text sold_at:time "
        "consumer_key:text phone_token:text pay_kind:text consent_ref:text void:flag adcode:text "
        "city_org:text account_manager_user_id:text extra:json"
    ),
}
INDEXED = ("retailer_code", "sku_code", "adcode", "order_no")
COUNTS = ("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired")


def _columns(spec: str) -> list[sa.Column[Any]]:
    """Columns from words such as `name:type`; an exclamation mark forbids null."""
    columns = []
    for word in spec.split():
        name, kind = word.split(":")
        is_key = name == "record_key"
        columns.append(sa.Column(name, TYPES[kind.rstrip("!")], primary_key=is_key, nullable=not kind.endswith("!")))
    return columns


def upgrade() -> None:
    for name, spec in BOOKS.items():
        columns = _columns(f"{ENVELOPE} {spec}")
        op.create_table(name, *columns, schema=SCHEMA)
        op.create_index(f"{name}_order", name, ["biz_date", "record_key"], schema=SCHEMA)
        for column in INDEXED:
            if column in {each.name for each in columns}:
                op.create_index(f"{name}_{column}", name, [column, "biz_date"], schema=SCHEMA)
    _create_balance()
    _create_set_aside()
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )


def _create_balance() -> None:
    op.create_table(
        "entry",
        sa.Column("id", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("batch_id", "source", "kind")],
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS],
        sa.Column("newest", sa.Date),
        schema=SCHEMA,
    )
    op.create_index("ix_ingest_entry_batch_id", "entry", ["batch_id"], schema=SCHEMA)
    op.create_table(
        "receipt",
        sa.Column("batch_id", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("source", "kind", "digest")],
        sa.Column("receipt", postgresql.JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.String, nullable=False),
        schema=SCHEMA,
    )


def _create_set_aside() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("kind", "source", "batch_id")],
        sa.Column("line", sa.BigInteger, nullable=False),
        *[sa.Column(name, postgresql.JSONB, nullable=False) for name in ("record", "reasons")],
        sa.Column("state", sa.String, nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trace_id", sa.String, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("quarantine_order", "quarantine", ["state", "quarantined_at", "id"], schema=SCHEMA)
    op.create_table(
        "superseded",
        sa.Column("record_id", sa.String, primary_key=True),
        *[sa.Column(name, sa.String, nullable=False) for name in ("kind", "record_key", "payload_hash")],
        sa.Column("record", postgresql.JSONB, nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index("superseded_key", "superseded", ["kind", "record_key", "payload_hash"], schema=SCHEMA)


def downgrade() -> None:
    for table in ("inbox", "superseded", "quarantine", "receipt", "entry", *reversed(BOOKS)):
        op.drop_table(table, schema=SCHEMA)
