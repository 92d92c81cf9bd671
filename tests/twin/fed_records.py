"""Records as ingest publishes them, and what each says of twins."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
AT = "2026-03-01T08:00:00+00:00"
DAY = date(2026, 3, 2)
ENVELOPE = {"source": "test", "occurred_at": NOW, "biz_date": DAY, "op": "upsert", "quality_status": "ok"}


def records(kind: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Records of a kind with all the columns that they have in the log; what a row leaves out is null."""
    schema = polars_schema(KINDS[kind])
    for row in rows:
        assert set(row) <= set(schema), set(row) - set(schema)
    return pl.DataFrame([{**dict.fromkeys(schema), **ENVELOPE, **row} for row in rows], schema=schema)


Said = dict[str, tuple[dict[str, Any], dict[str, str | list[str]]]]
"""By id of the twin: its properties and relations."""

_ORDERED = {"retailer_code": "R1", "order_no": "O1", "line_no": 1, "sku_code": "S1", "cycle": "2026-W09"}
SAID: dict[str, tuple[dict[str, Any], Said]] = {
    "agv_task": (
        {
            "task_no": "T1",
            "wh_code": "W1",
            "from_slot": "A1",
            "to_slot": "B2",
            "status": "running",
            "agv_no": "7",
            "queued_at": NOW,
            "started_at": NOW,
        },
        {
            "agv_task:T1": (
                {"status": "running", "queued_at": AT, "started_at": AT},
                {
                    "located_in": "warehouse:W1",
                    "leads_from": "slot:W1:A1",
                    "leads_to": "slot:W1:B2",
                    "done_by": "agv:7",
                },
            ),
            "agv:7": ({"task_status": "running"}, {"located_in": "warehouse:W1", "carries_out": "agv_task:T1"}),
        },
    ),
    "allocation_policy": (
        {
            "org_code": "C1",
            "cycle": "2026-W10",
            "sku_code": "S1",
            "area": "all",
            "method": "by_tier_ext",
            "ext": "county",
            "caps_cartons": "[1,2,3]",
        },
        {
            "allocation:C1:S1:all": (
                {
                    "cycle": "2026-W10",
                    "method": "by_tier_ext",
                    "ext": "county",
                    "area": "all",
                    "caps_cartons": [1, 2, 3],
                },
                {"set_by": "company:C1", "of": "sku:S1"},
            )
        },
    ),
    "campaign": (
        {
            "campaign_id": "K1",
            "name": "Spring",
            "campaign_kind": "launch",
            "audience": "retailer",
            "sku_codes": '["S2","S1"]',
            "area": "340100",
            "from_on": DAY,
            "cost": Decimal("12.50"),
            "currency": "CNY",
            "approved_by": "ann",
        },
        {
            "campaign:K1": (
                {
                    "name": "Spring",
                    "campaign_kind": "launch",
                    "audience": "retailer",
                    "area": "340100",
                    "from_on": "2026-03-02",
                    "cost": "12.50",
                    "currency": "CNY",
                },
                {"promotes": ["sku:S2", "sku:S1"]},
            )
        },
    ),
    "capacity": (
        {
            "line_code": "L1",
            "sku_group": "slim",
            "week": "2026-W10",
            "plant": "P1",
            "rate_base_per_h": 480000.0,
            "hours": 112.0,
            "changeover_min": 45.0,
        },
        {
            "line:L1": (
                {
                    "rate_base_per_h": 480000.0,
                    "changeover_min": 45.0,
                    "sku_group": "slim",
                    "capacity_week": "2026-W10",
                    "capacity_hours": 112.0,
                },
                {"part_of": "plant:P1"},
            )
        },
    ),
    "commercial_order": (
        {**_ORDERED, "ordered_at": NOW, "qty_order_base": 400, "state": "confirmed", "city_org": "C1"},
        {"retailer:R1": ({"last_ordered_at": AT, "last_order_no": "O1", "last_cycle": "2026-W09"}, {})},
    ),
    "commercial_sale": (
        {"org_code": "C1", "sku_code": "S1", "period": "week", "qty_base": 900, "adcode": "340100"},
        {"market:C1": ({"sales_period": "week", "sales_on": "2026-03-02"}, {"supplied_by": "company:C1"})},
    ),
    "commercial_stock": (
        {
            "org_code": "C1",
            "sku_code": "S1",
            "stock_base": 10**10,
            "in_transit_base": 5,
            "on_order_base": 6,
            "adcode": "340100",
        },
        {
            "stock:C1:S1": (
                {"on_hand_base": 10**10, "in_transit_base": 5, "on_order_base": 6, "stock_on": "2026-03-02"},
                {"of": "sku:S1", "held_by": "company:C1", "located_in": "region:340100"},
            )
        },
    ),
    "competitor_order": (
        {**_ORDERED, "ordered_at": NOW, "qty_order_base": 400},
        {"retailer:R1": ({"last_competitor_ordered_at": AT}, {})},
    ),
    "equipment_state": (
        {"machine": "M1", "from_at": NOW, "state": "run", "plant": "P1", "line_code": "L1"},
        {
            "machine:M1": (
                {"state": "run", "state_since": AT, "fault_code": ""},
                {"part_of": "line:L1", "located_in": "plant:P1"},
            ),
            "line:L1": ({}, {"part_of": "plant:P1"}),
        },
    ),
    "feedback": (
        {
            "feedback_id": "F1",
            "retailer_code": "R1",
            "user_id": "ann",
            "score": 4.0,
            "text": "good",
            "sentiment": "positive",
            "given_at": NOW,
        },
        {
            "retailer:R1": (
                {"last_feedback_at": AT, "last_feedback_score": 4.0, "last_feedback_sentiment": "positive"},
                {},
            )
        },
    ),
    "finished_stock": (
        {
            "wh_code": "W1",
            "sku_code": "S1",
            "batch_no": "B1",
            "on_hand_base": 50000,
            "reserved_base": 100,
            "produced_on": DAY,
            "age_days": 3,
        },
        {
            "stock:W1:S1:B1": (
                {
                    "on_hand_base": 50000,
                    "reserved_base": 100,
                    "produced_on": "2026-03-02",
                    "age_days": 3,
                    "stock_on": "2026-03-02",
                },
                {"of": "sku:S1", "of_batch": "batch:B1", "held_in": "warehouse:W1"},
            ),
            "batch:B1": ({"produced_on": "2026-03-02"}, {"of": "sku:S1"}),
        },
    ),
    "mes_output": (
        {
            "plant": "P1",
            "wo_no": "WO1",
            "batch_no": "B1",
            "shift": "early",
            "machine": "M1",
            "sku_code": "S1",
            "good_base": 900,
            "scrap_base": 9,
            "tobacco_kg": 1.5,
            "started_at": NOW,
            "ended_at": NOW,
            "org_code": "I1",
        },
        {
            "batch:B1": (
                {"shift": "early", "made_at": AT},
                {"of": "sku:S1", "made_for": "work_order:P1:WO1", "made_by": "machine:M1"},
            ),
            "machine:M1": (
                {
                    "shift": "early",
                    "batch_no": "B1",
                    "good_base": 900,
                    "scrap_base": 9,
                    "tobacco_kg": 1.5,
                    "last_output_at": AT,
                },
                {"located_in": "plant:P1", "makes_batch": "batch:B1"},
            ),
            "plant:P1": ({"last_output_at": AT}, {"owned_by": "company:I1"}),
        },
    ),
    "mes_work_order": (
        {
            "plant": "P1",
            "wo_no": "WO1",
            "sku_code": "S1",
            "line_code": "L1",
            "plan_qty_base": 10**9,
            "plan_start_at": NOW,
            "status": "running",
            "priority": 1,
            "org_code": "I1",
        },
        {
            "work_order:P1:WO1": (
                {"status": "running", "plan_qty_base": 10**9, "plan_start_at": AT, "priority": 1},
                {"makes": "sku:S1", "runs_on": "line:L1", "located_in": "plant:P1"},
            ),
            "line:L1": (
                {"work_order": "WO1", "work_order_status": "running"},
                {"part_of": "plant:P1", "runs": "work_order:P1:WO1", "makes": "sku:S1"},
            ),
            "plant:P1": ({}, {"owned_by": "company:I1"}),
        },
    ),
    "oms_order": (
        {
            "oms_no": "X1",
            "line_no": 2,
            "buyer_org": "C1",
            "sku_code": "S1",
            "qty_base": 50000,
            "price_ex_vat": Decimal("146.00"),
            "currency": "CNY",
            "channel": "web",
            "status": "picking",
            "ordered_at": NOW,
            "promised_on": DAY,
            "status_at": NOW,
        },
        {
            "order:X1": (
                {
                    "channel": "web",
                    "ordered_at": AT,
                    "promised_on": "2026-03-02",
                    "currency": "CNY",
                    "state": "picking",
                    "state_at": AT,
                },
                {"bought_by": "company:C1"},
            ),
            "order_line:X1:2": (
                {
                    "qty_base": 50000,
                    "price_ex_vat": "146.00",
                    "currency": "CNY",
                    "state": "picking",
                    "state_at": AT,
                },
                {"part_of": "order:X1", "of": "sku:S1"},
            ),
        },
    ),
    "org": (
        {"org_code": "C1", "kind": "city_commercial", "parent": "C0", "adcode": "340100", "name": "合肥"},
        {
            "company:C1": (
                {"name": "合肥", "kind": "city_commercial"},
                {"part_of": "company:C0", "located_in": "region:340100"},
            ),
            "market:C1": ({"name_zh": "合肥"}, {"supplied_by": "company:C1", "in_region": "region:340100"}),
        },
    ),
    "pos_sale": (
        {
            "retailer_code": "R1",
            "order_no": "P1",
            "line_no": 1,
            "sku_code": "S1",
            "sold_at": NOW,
            "consumer_key": "k1:7f3a",
            "phone_token": "k1:99",
        },
        {"retailer:R1": ({"last_pos_sale_at": AT}, {})},
    ),
    "price_observation": (
        {
            "adcode": "340100",
            "sku_code": "S1",
            "observed_at": NOW,
            "unit": "pack",
            "price_observed": Decimal("26.00"),
            "currency": "CNY",
        },
        {
            "region:340100": (
                {
                    "price_observed": "26.00",
                    "price_unit": "pack",
                    "price_currency": "CNY",
                    "price_observed_at": AT,
                },
                {},
            )
        },
    ),
    "product_design": (
        {"sku_code": "S1", "revision": "r2", "length_mm": 84.0, "tip_paper": "T9", "approved_at": NOW},
        {"sku:S1": ({"length_mm": 84.0, "tip_paper": "T9", "design_revision": "r2"}, {})},
    ),
    "production_plan": (
        {
            "plant": "P1",
            "sku_code": "S1",
            "week": "2026-W10",
            "plan_cases": 120.5,
            "frozen": True,
            "version": 3,
            "org_code": "I1",
        },
        {
            "production_plan:P1:S1:2026-W10": (
                {"week": "2026-W10", "plan_cases": 120.5, "frozen": True, "version": 3},
                {"made_in": "plant:P1", "of": "sku:S1"},
            ),
            "plant:P1": ({}, {"owned_by": "company:I1"}),
        },
    ),
    "purchase_order": (
        {
            "po_no": "PO1",
            "line_no": 1,
            "supplier_code": "V1",
            "material": "paper",
            "qty": Decimal("1500.500"),
            "unit": "kg",
            "ordered_on": DAY,
            "status": "confirmed",
        },
        {
            "purchase_order:PO1:1": (
                {"status": "confirmed", "qty": 1500.5, "unit": "kg", "ordered_on": "2026-03-02"},
                {"placed_with": "supplier:V1", "of": "material:paper"},
            ),
            "material:paper": ({"last_ordered_on": "2026-03-02"}, {}),
        },
    ),
    "quality_test": (
        {
            "lab": "Q1",
            "test_no": "1",
            "sku_code": "S1",
            "batch_no": "B1",
            "sampled_at": NOW,
            "item": "moisture_pct",
            "value": 12.5,
            "verdict": "pass",
        },
        {
            "batch:B1": (
                {"moisture_pct": 12.5, "last_verdict": "pass", "last_tested_at": AT},
                {"of": "sku:S1"},
            )
        },
    ),
    "retailer": (
        {
            "retailer_code": "R1",
            "name": "红星店",
            "license_no": "340104100001",
            "license_valid_to": DAY,
            "adcode": "340104",
            "city_org": "C1",
            "address": "somewhere",
            "owner_name_masked": "王*",
            "contact_phone_token": "k1:1",
            "tier": 12,
            "lon": 117.2,
            "school_zone": False,
        },
        {
            "retailer:R1": (
                {
                    "name": "红星店",
                    "license_no": "340104100001",
                    "license_valid_to": "2026-03-02",
                    "city_org": "C1",
                    "tier": 12,
                    "lon": 117.2,
                    "school_zone": False,
                },
                {"located_in": "region:340104", "supplied_by": "company:C1"},
            )
        },
    ),
    "scada_sample": (
        {
            "tag": "P1.make.M1.maker.speed",
            "sampled_at": NOW,
            "value": 7800.0,
            "unit": "1/min",
            "quality": "good",
            "machine": "M1",
        },
        {
            "signal:P1.make.M1.maker.speed": (
                {"value": 7800.0, "unit": "1/min", "quality": "good", "sampled_at": AT},
                {"of": "machine:M1"},
            ),
            "machine:M1": ({"speed_per_min": 7800.0}, {}),
        },
    ),
    "scada_tag": (
        {"tag": "P1.make.M1.maker.speed", "machine": "M1", "unit": "1/min", "period_ms": 1000, "low": 0.0},
        {
            "signal:P1.make.M1.maker.speed": (
                {"unit": "1/min", "period_ms": 1000, "low": 0.0},
                {"of": "machine:M1"},
            )
        },
    ),
    "service_ticket": (
        {
            "ticket_no": "K1",
            "channel": "wecom",
            "subject": "supply",
            "retailer_code": "R1",
            "sku_code": "S1",
            "severity": 2,
            "opened_at": NOW,
            "text": "no stock",
        },
        {
            "ticket:K1": (
                {"channel": "wecom", "subject": "supply", "severity": 2, "opened_at": AT},
                {"raised_by": "retailer:R1", "about": "sku:S1"},
            ),
            "retailer:R1": ({"last_ticket_at": AT}, {}),
        },
    ),
    "settlement": (
        {
            "settle_no": "N1",
            "transfer_no": "T1",
            "amount_ex_vat": Decimal("100.00"),
            "vat": Decimal("13.00"),
            "paid": Decimal("100.00"),
            "paid_on": DAY,
            "diff": Decimal("13.00"),
            "currency": "CNY",
        },
        {
            "shipment:T1": (
                {
                    "settlement_no": "N1",
                    "invoiced_ex_vat": "100.00",
                    "vat": "13.00",
                    "paid": "100.00",
                    "paid_on": "2026-03-02",
                    "open_amount": "13.00",
                    "currency": "CNY",
                },
                {},
            )
        },
    ),
    "sku": (
        {
            "sku_code": "S1",
            "name_zh": "黄山",
            "brand_code": "B1",
            "maker_code": "I1",
            "is_own": True,
            "price_guide": Decimal("260.00"),
            "price_class": 2,
            "launch_date": DAY,
        },
        {
            "sku:S1": (
                {
                    "name_zh": "黄山",
                    "brand_code": "B1",
                    "maker_code": "I1",
                    "is_own": True,
                    "price_guide": "260.00",
                    "price_class": 2,
                    "launch_date": "2026-03-02",
                },
                {"of_brand": "brand:B1", "made_by": "company:I1"},
            ),
            "brand:B1": ({"maker_code": "I1", "is_own": True}, {"made_by": "company:I1"}),
        },
    ),
    "store_check": (
        {"retailer_code": "R1", "sku_code": "S1", "checked_at": NOW, "on_shelf": True, "checked_by": "ann"},
        {"retailer:R1": ({"last_checked_at": AT}, {})},
    ),
    "supplier": (
        {
            "supplier_code": "V1",
            "material": "paper",
            "name": "纸厂",
            "lead_days": 14,
            "min_order": Decimal("500.000"),
            "unit": "kg",
            "price": Decimal("8.20"),
        },
        {
            "supplier:V1": ({"name": "纸厂"}, {}),
            "material:paper": ({"unit": "kg"}, {}),
            "supply:V1:paper": (
                {"lead_days": 14, "min_order": 500.0, "unit": "kg", "price": "8.20"},
                {"comes_from": "supplier:V1", "of": "material:paper"},
            ),
        },
    ),
    "transfer": (
        {
            "transfer_no": "T1",
            "line_no": 1,
            "contract_no": "K7",
            "permit_no": "Z9",
            "from_wh": "W1",
            "to_org": "C1",
            "sku_code": "S1",
            "qty_base": 12_500_000,
            "price_allocation_ex_vat": Decimal("146.00"),
            "status": "shipped",
            "planned_on": DAY,
            "shipped_at": NOW,
            "status_at": NOW,
        },
        {
            "shipment:T1": (
                {
                    "status": "shipped",
                    "status_at": AT,
                    "contract_no": "K7",
                    "permit_no": "Z9",
                    "planned_on": "2026-03-02",
                    "shipped_at": AT,
                },
                {"from_warehouse": "warehouse:W1", "to_company": "company:C1"},
            ),
            "shipment_line:T1:1": (
                {
                    "status": "shipped",
                    "status_at": AT,
                    "qty_base": 12_500_000,
                    "price_allocation_ex_vat": "146.00",
                },
                {"part_of": "shipment:T1", "carries": "sku:S1"},
            ),
        },
    ),
    "warehouse": (
        {
            "wh_code": "W1",
            "wh_kind": "plant",
            "name": "一号库",
            "adcode": "340100",
            "lon": 117.2,
            "lat": 31.8,
            "capacity_cases": 9000.0,
            "org_code": "I1",
        },
        {
            "warehouse:W1": (
                {"wh_kind": "plant", "name": "一号库", "lon": 117.2, "lat": 31.8, "capacity_cases": 9000.0},
                {"located_in": "region:340100", "owned_by": "company:I1"},
            )
        },
    ),
    "wecom_contact": (
        {"chain_id": "1", "contact_id": "2", "is_joined": True, "retailer_code": "R1", "synced_at": NOW},
        {"retailer:R1": ({"wecom_joined": True}, {})},
    ),
    "wms_move": (
        {
            "wh_code": "W1",
            "move_no": "V1",
            "line_no": 1,
            "move": "shift",
            "sku_code": "S1",
            "batch_no": "B1",
            "qty_base": 100,
            "from_slot": "A1",
            "to_slot": "B2",
            "started_at": NOW,
            "operator": "ann",
        },
        {
            "slot:W1:B2": (
                {"last_move": "shift", "last_moved_at": AT},
                {"part_of": "warehouse:W1", "holds": "sku:S1", "holds_batch": "batch:B1"},
            ),
            "slot:W1:A1": ({"last_move": "shift", "last_moved_at": AT}, {"part_of": "warehouse:W1"}),
        },
    ),
    "wms_slot": (
        {
            "wh_code": "W1",
            "slot": "A1",
            "zone": "Z",
            "level": 0,
            "max_pallets": 2,
            "occupied_pallets": 1,
            "sku_code": "S1",
            "abc": "A",
            "distance_m": 12.5,
        },
        {
            "slot:W1:A1": (
                {
                    "zone": "Z",
                    "level": 0,
                    "max_pallets": 2,
                    "occupied_pallets": 1,
                    "abc": "A",
                    "distance_m": 12.5,
                },
                {"part_of": "warehouse:W1", "holds": "sku:S1"},
            )
        },
    ),
}
