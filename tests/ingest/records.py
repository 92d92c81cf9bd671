"""A good record of every kind, as of a given moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.ingest.builders import NOW, Row, month_sale, order, price, sale, shop


def good(kind: str, now: datetime = NOW, **changes: object) -> Row:
    """A record of the kind in which every rule is content."""
    ago = {name: (now - timedelta(hours=hours)).isoformat() for name, hours in HOURS.items()}
    days = {name: (now + timedelta(days=ahead)).date().isoformat() for name, ahead in DAYS.items()}
    week = (now + timedelta(days=7)).strftime("%G-W%V")
    times = {**ago, **days, "week": week}
    row = {name: times.get(str(value), value) for name, value in _all(now)[kind].items()}
    return {**row, **changes}


HOURS = {"early": 9, "then": 5, "late": 2, "soon": -48}
"""Hours ago."""
DAYS = {"before": -9, "yesterday": -1, "next": 7, "years": 900}


def _all(now: datetime) -> dict[str, Row]:
    hour = (now - timedelta(hours=3)).isoformat()
    return {**FACTORY, **TRADE, **MARKET, **WAREHOUSE, **MASTER, **_first_kinds(now, hour)}


def _first_kinds(now: datetime, hour: str) -> dict[str, Row]:
    month = (now - timedelta(days=31)).date().replace(day=1).isoformat()
    return {
        "pos_sale": sale(sold_at=hour, pay_kind="cash"),
        "commercial_order": order(ordered_at=hour, qty_cap_base=2000),
        "price_observation": price(observed_at=hour),
        "commercial_sale": month_sale(biz_date=month),
        "retailer": shop(),
    }


MASTER: dict[str, Row] = {
    "sku": {"sku_code": "S1", "name_zh": "黄山", "price_guide": "260", "valid_from": "2020-01-01"},
    "sku_alias": {"alias_source": "till", "alias_kind": "ean_pack", "alias": "6901028138123", "sku_code": "34010021"},
    "retailer_alias": {"alias_source": "till", "alias": "store-7", "retailer_code": "R340100000001"},
    "org": {"org_code": "C1", "name": "合肥市公司", "adcode": "340100"},
    "warehouse": {
        "wh_code": "W1",
        "org_code": "C340100",
        "wh_kind": "commercial_dc",
        "name": "合肥物流中心",
        "adcode": "340100",
        "lon": 117.2,
        "lat": 31.8,
        "capacity_cases": 20000,
    },
    "user": {
        "user_id": "wang",
        "org_code": "C340100",
        "org_kind": "city_commercial",
        "roles": ["account_manager", "analyst"],
        "scope_adcodes": "340100|340200",
    },
    "supplier": {"supplier_code": "V1", "material": "paper", "name": "纸厂", "lead_days": 21, "unit": "m"},
}

FACTORY: dict[str, Row] = {
    "product_design": {
        "sku_code": "34010021",
        "revision": "B",
        "length_mm": 84,
        "circumference_mm": 24.2,
        "filter_mm": 25,
        "ventilation_pct": 18,
        "pack_model_uri": "s3://models/34010021.glb",
        "approved_at": "early",
    },
    "quality_test": {
        "lab": "L1",
        "test_no": "T1",
        "sku_code": "34010021",
        "batch_no": "B7",
        "sampled_at": "early",
        "item": "weight_g",
        "value": 0.91,
        "lsl": 0.85,
        "usl": 0.97,
        "verdict": "pass",
    },
    "mes_work_order": {
        "plant": "P1",
        "wo_no": "WO1",
        "sku_code": "34010021",
        "line_code": "L3",
        "plan_qty_base": 5_000_000,
        "plan_start_at": "late",
        "plan_end_at": "soon",
        "status": "released",
        "priority": 2,
    },
    "mes_output": {
        "plant": "P1",
        "wo_no": "WO1",
        "batch_no": "B7",
        "shift": "A",
        "machine": "M3",
        "line_code": "L3",
        "sku_code": "34010021",
        "good_base": 1_000_000,
        "scrap_base": 20_000,
        "rework_base": 1000,
        "tobacco_kg": 660.5,
        "filter_rods": 170_000,
        "wrap_paper_m": 64_000,
        "started_at": "early",
        "ended_at": "late",
    },
    "equipment_state": {
        "machine": "M3",
        "from_at": "early",
        "to_at": "late",
        "state": "run",
        "plant": "P1",
        "line_code": "L3",
    },
    "scada_sample": {
        "tag": "P1.prim.M3.maker.speed",
        "sampled_at": "late",
        "value": 9800.5,
        "unit": "1/min",
        "quality": "good",
        "machine": "M3",
    },
    "scada_tag": {
        "tag": "P1.prim.M3.maker.speed",
        "machine": "M3",
        "unit": "1/min",
        "period_ms": 1000,
        "low": 0,
        "high": 16_000,
        "rate_per_s": 500,
        "shows_running": True,
        "updated_at": "late",
    },
    "wecom_contact": {
        "chain_id": "chain1",
        "contact_id": "ww0001",
        "corp_name": "徽州路便利店",
        "custom_id": "340102100001",
        "retailer_code": "R340100000001",
        "group_id": "1",
        "is_joined": True,
        "synced_at": "late",
    },
    "production_plan": {"plant": "P1", "sku_code": "34010021", "week": "week", "plan_cases": 900.5, "frozen": True},
    "capacity": {
        "line_code": "L3",
        "sku_group": "slim",
        "week": "week",
        "plant": "P1",
        "rate_base_per_h": 480_000,
        "hours": 120,
        "changeover_min": 45,
    },
    "finished_stock": {
        "wh_code": "W1",
        "sku_code": "34010021",
        "batch_no": "B7",
        "biz_date": "yesterday",
        "on_hand_base": 1_000_000,
        "reserved_base": 400_000,
        "produced_on": "before",
        "age_days": 8,
    },
}

TRADE: dict[str, Row] = {
    "transfer": {
        "transfer_no": "T25-1",
        "line_no": 1,
        "contract_no": "K1",
        "permit_no": "ZY1",
        "from_wh": "W1",
        "to_org": "C340100",
        "sku_code": "34010021",
        "qty_base": 12_500_000,
        "price_allocation_ex_vat": "146.00",
        "amount_ex_vat": "9125000.00",
        "status": "shipped",
        "planned_on": "yesterday",
        "shipped_at": "early",
        "status_at": "early",
    },
    "commercial_stock": {
        "org_code": "C340100",
        "sku_code": "34010021",
        "biz_date": "yesterday",
        "stock_base": 7_000_000,
        "in_transit_base": 1_000_000,
        "on_order_base": 0,
    },
    "allocation_policy": {
        "org_code": "C340100",
        "cycle": "week",
        "sku_code": "34010021",
        "area": "340100",
        "method": "by_tier",
        "caps_cartons": [0] * 10 + [1] * 10 + [3] * 10,
    },
    "competitor_order": order(
        order_no="X1", brand_code="HHL", price_class=2, ordered_at="late", is_own=False, qty_cap_base=2000
    ),
    "oms_order": {
        "oms_no": "O1",
        "line_no": 1,
        "buyer_org": "C340100",
        "sku_code": "34010021",
        "qty_base": 500_000,
        "price_ex_vat": "146.00",
        "channel": "portal",
        "status": "checked",
        "ordered_at": "early",
        "promised_on": "next",
        "status_at": "late",
    },
    "settlement": {
        "settle_no": "S1",
        "transfer_no": "T25-1",
        "invoice_no": "I1",
        "amount_ex_vat": "100.00",
        "vat": "13.00",
        "paid": "100.00",
        "paid_on": "yesterday",
        "diff": "13.00",
    },
    "purchase_order": {
        "po_no": "PO1",
        "line_no": 1,
        "supplier_code": "V1",
        "material": "paper",
        "qty": "64000",
        "unit": "m",
        "ordered_on": "before",
        "promised_on": "next",
        "received_at": "late",
        "received_qty": "64000",
        "status": "received",
    },
}

MARKET: dict[str, Row] = {
    "store_check": {
        "retailer_code": "R340100000001",
        "sku_code": "34010021",
        "checked_at": "late",
        "on_shelf": True,
        "facings": 2,
        "stock_base": 4000,
        "stockout_days": 0,
        "price_tag_ok": True,
        "checked_by": "wang",
    },
    "service_ticket": {
        "ticket_no": "K1",
        "channel": "wecom",
        "subject": "supply",
        "retailer_code": "R340100000001",
        "sku_code": "34010021",
        "severity": 2,
        "opened_at": "early",
        "due_at": "soon",
        "text": "断货三天",
    },
    "feedback": {
        "feedback_id": "F1",
        "retailer_code": "R340100000001",
        "score": 4,
        "text": "包装不错",
        "sentiment": "positive",
        "given_at": "late",
    },
    "campaign": {
        "campaign_id": "C1",
        "campaign_kind": "display",
        "audience": "retailer",
        "sku_codes": ["34010021", "34010022"],
        "area": "340100",
        "from_on": "next",
        "to_on": "years",
        "cost": "12000",
        "approved_by": "li",
    },
    "recommendation_event": {"rec_id": "REC1", "event": "rejected", "user_id": "wang", "reason": "库存够"},
}

WAREHOUSE: dict[str, Row] = {
    "wms_move": {
        "wh_code": "W1",
        "move_no": "M1",
        "line_no": 1,
        "move": "in",
        "sku_code": "34010021",
        "batch_no": "B7",
        "qty_base": 500_000,
        "to_slot": "A-01-1",
        "pallet_no": "PL1",
        "device": "agv",
        "started_at": "early",
        "ended_at": "late",
        "operator": "zhao",
    },
    "wms_slot": {
        "wh_code": "W1",
        "slot": "A-01-1",
        "zone": "A",
        "level": 1,
        "max_pallets": 2,
        "occupied_pallets": 1,
        "sku_code": "34010021",
        "abc": "A",
        "distance_m": 32.5,
    },
    "agv_task": {
        "task_no": "T1",
        "wh_code": "W1",
        "from_slot": "A-01-1",
        "to_slot": "G1",
        "status": "done",
        "agv_no": "AGV2",
        "queued_at": "early",
        "started_at": "then",
        "ended_at": "late",
    },
}
