"""The record kinds of the whole chain: factory, stock, market, warehouse, suppliers; validity of master data."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0005"
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
    "agv_task": (
        "task_no:text wh_code:text from_slot:text to_slot:text status:text agv_no:text queued_at:time "
        "started_at:time ended_at:time extra:json"
    ),
    "allocation_policy": (
        "cycle:text sku_code:text area:text method:text ext:text caps_cartons:json caps_may_fall:flag "
        "updated_at:time extra:json"
    ),
    "campaign": (
        "campaign_id:text campaign_kind:text name:text audience:text sku_codes:json area:text from_on:day "
        "to_on:day cost:money currency:text approved_by:text updated_at:time extra:json"
    ),
    "capacity": (
        "line_code:text sku_group:text week:text plant:text rate_base_per_h:float hours:float "
        "changeover_min:float updated_at:time extra:json"
    ),
    "commercial_stock": (
        "sku_code:text stock_base:whole qty_raw:measure unit_raw:text in_transit_base:whole on_order_base:whole "
        "received_base:whole sold_base:whole adjusted_base:whole adcode:text extra:json"
    ),
    "competitor_order": (
        "order_no:text line_no:whole retailer_code:text sku_code:text brand_code:text price_class:whole "
        "is_own:flag cycle:text qty_demand_base:whole qty_cap_base:whole qty_order_base:whole qty_band:text "
        "demand_is_order:flag qty_raw:measure unit_raw:text price_wholesale:money amount:money amount_check:flag "
        "currency:text ordered_at:time delivered_at:time state:text adcode:text city_org:text "
        "account_manager_user_id:text extra:json"
    ),
    "equipment_state": (
        "machine:text from_at:time state:text fault_code:text to_at:time plant:text line_code:text extra:json"
    ),
    "feedback": (
        "feedback_id:text retailer_code:text user_id:text sku_code:text score:float text:text sentiment:text "
        "topic:text given_at:time adcode:text city_org:text account_manager_user_id:text extra:json"
    ),
    "finished_stock": (
        "wh_code:text sku_code:text batch_no:text on_hand_base:whole qty_raw:measure unit_raw:text "
        "reserved_base:whole produced_on:day age_days:whole extra:json"
    ),
    "mes_output": (
        "plant:text wo_no:text batch_no:text shift:text machine:text sku_code:text good_base:whole "
        "scrap_base:whole rework_base:whole tobacco_kg:float filter_rods:float wrap_paper_m:float started_at:time "
        "ended_at:time extra:json"
    ),
    "mes_work_order": (
        "plant:text wo_no:text sku_code:text line_code:text plan_qty_base:whole qty_raw:measure unit_raw:text "
        "plan_start_at:time plan_end_at:time status:text priority:whole updated_at:time extra:json"
    ),
    "oms_order": (
        "oms_no:text line_no:whole buyer_org:text sku_code:text qty_base:whole qty_raw:measure unit_raw:text "
        "price_ex_vat:money currency:text channel:text status:text ordered_at:time promised_on:day status_at:time "
        "adcode:text extra:json"
    ),
    "product_design": (
        "sku_code:text revision:text length_mm:float circumference_mm:float filter_mm:float tip_paper:text "
        "blend_code:text ventilation_pct:float pack_model_uri:text approved_at:time extra:json"
    ),
    "production_plan": (
        "plant:text sku_code:text week:text plan_cases:float frozen:flag version:whole updated_at:time extra:json"
    ),
    "purchase_order": (
        "po_no:text line_no:whole supplier_code:text material:text qty:measure unit:text ordered_on:day "
        "promised_on:day received_at:time received_qty:measure status:text updated_at:time extra:json"
    ),
    "quality_test": (
        "lab:text test_no:text sku_code:text batch_no:text sampled_at:time item:text value:float lsl:float "
        "usl:float verdict:text extra:json"
    ),
    "recommendation_event": ("rec_id:text event:text user_id:text reason:text event_at:time extra:json"),
    "retailer_alias": (
        "alias_source:text alias_kind:text alias:text retailer_code:text approved_by:text valid_from:day "
        "valid_to:day updated_at:time extra:json"
    ),
    "service_ticket": (
        "ticket_no:text channel:text subject:text retailer_code:text sku_code:text severity:whole opened_at:time "
        "due_at:time closed_at:time resolution:text satisfaction:whole text:text updated_at:time adcode:text "
        "city_org:text account_manager_user_id:text extra:json"
    ),
    "settlement": (
        "settle_no:text transfer_no:text invoice_no:text amount_ex_vat:money vat:money paid:money paid_on:day "
        "diff:money currency:text updated_at:time extra:json"
    ),
    "sku_alias": (
        "alias_source:text alias_kind:text alias:text sku_code:text confidence:float approved_by:text "
        "valid_from:day valid_to:day updated_at:time extra:json"
    ),
    "store_check": (
        "retailer_code:text sku_code:text checked_at:time on_shelf:flag facings:whole stock_base:whole "
        "stockout_days:whole price_tag_ok:flag checked_by:text adcode:text city_org:text "
        "account_manager_user_id:text extra:json"
    ),
    "supplier": (
        "supplier_code:text material:text name:text lead_days:whole min_order:measure unit:text price:money "
        "currency:text valid_from:day valid_to:day updated_at:time extra:json"
    ),
    "transfer": (
        "transfer_no:text line_no:whole contract_no:text permit_no:text from_wh:text to_org:text sku_code:text "
        "qty_base:whole qty_raw:measure unit_raw:text price_allocation_ex_vat:money amount_ex_vat:money "
        "amount_check:flag currency:text status:text planned_on:day shipped_at:time received_at:time "
        "received_base:whole status_at:time adcode:text extra:json"
    ),
    "user": (
        "user_id:text org_kind:text roles:json wecom_userid:text scope_org_codes:json scope_adcodes:json "
        "scope_sku_codes:json valid_from:day valid_to:day updated_at:time extra:json"
    ),
    "warehouse": (
        "wh_code:text wh_kind:text name:text adcode:text lon:float lat:float capacity_cases:float valid_from:day "
        "valid_to:day updated_at:time extra:json"
    ),
    "wms_move": (
        "wh_code:text move_no:text line_no:whole move:text sku_code:text batch_no:text qty_base:whole "
        "qty_raw:measure unit_raw:text from_slot:text to_slot:text pallet_no:text device:text started_at:time "
        "ended_at:time operator:text extra:json"
    ),
    "wms_slot": (
        "wh_code:text slot:text zone:text level:whole max_pallets:whole occupied_pallets:whole sku_code:text "
        "abc:text distance_m:float updated_at:time extra:json"
    ),
}
ADDED = {name: "valid_from:day valid_to:day" for name in ("sku", "retailer", "org")}
INDEXED = (
    "retailer_code",
    "sku_code",
    "adcode",
    "order_no",
    "transfer_no",
    "oms_no",
    "wo_no",
    "wh_code",
    "machine",
    "supplier_code",
)


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
    for name, spec in ADDED.items():
        for added in _columns(spec):
            op.add_column(name, added, schema=SCHEMA)


def downgrade() -> None:
    for name, spec in ADDED.items():
        for added in _columns(spec):
            op.drop_column(name, str(added.name), schema=SCHEMA)
    for name in reversed(BOOKS):
        op.drop_table(name, schema=SCHEMA)
