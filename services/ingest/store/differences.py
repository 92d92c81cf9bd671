"""Two accounts of one thing that do not agree: sent and received, invoiced, paid, counted, rolled forward.

And what contradicts itself across bodies: more made than planned, a machine in two states, a slot below nothing.
"""

from __future__ import annotations

from dataclasses import replace

from chassis.db import Database
from services.ingest.store.reports import DAY, STOCK, TEXT, Report, page_of
from services.ingest.store.tables import SCHEMA
from services.ingest.usecases.reporting import ReportPage, ReportWanted

STOCK_TOLERANCE = "0.005"
"""Share of the stock by which a roll-forward may be off (domain: 0.5 %)."""
OUTPUT_BOUND = "1.05"
"""Share of its plan that a work order may yield (domain: sum(good) <= 1.05 x plan)."""

_RECEIPT = f"""
SELECT 'transfer_receipt' AS type, 'transfer' AS kind, t.record_key AS key, qty_base::numeric AS expected,
       received_base::numeric AS found, coalesce(sku.base_unit, '') AS unit, t.biz_date,
       jsonb_build_object('transfer_no', transfer_no, 'line_no', line_no, 'product', t.sku_code, 'place', to_org)
         AS detail
FROM {SCHEMA}.transfer t LEFT JOIN {SCHEMA}.sku USING (sku_code)
WHERE t.status = 'received' AND received_base IS DISTINCT FROM qty_base AND t.biz_date BETWEEN :first AND :last
"""
# Lines of a transfer are invoiced together; what nobody invoiced is missing once every line was received.
_INVOICE = f"""
SELECT 'transfer_invoice', 'transfer', t.transfer_no, t.amount, s.amount, t.currency, t.biz_date,
       jsonb_build_object('transfer_no', t.transfer_no, 'place', t.to_org, 'invoices', s.invoices)
FROM (
  SELECT transfer_no, sum(amount_ex_vat) AS amount, max(currency) AS currency, max(biz_date) AS biz_date,
         max(to_org) AS to_org, bool_and(status = 'received') AS is_received
  FROM {SCHEMA}.transfer WHERE status <> 'cancelled' AND amount_ex_vat IS NOT NULL
  GROUP BY transfer_no
) t LEFT JOIN (
  SELECT transfer_no, sum(amount_ex_vat) AS amount, jsonb_agg(coalesce(invoice_no, settle_no)) AS invoices
  FROM {SCHEMA}.settlement GROUP BY transfer_no
) s USING (transfer_no)
WHERE t.biz_date BETWEEN :first AND :last
  AND (s.amount <> t.amount OR (s.amount IS NULL AND t.is_received))
"""
_PAYMENT = f"""
SELECT 'invoice_payment', 'settlement', record_key, amount_ex_vat + coalesce(vat, 0), paid, currency, biz_date,
       jsonb_build_object('transfer_no', transfer_no, 'invoice_no', invoice_no, 'paid_on', paid_on)
FROM {SCHEMA}.settlement
WHERE paid IS DISTINCT FROM amount_ex_vat + coalesce(vat, 0) AND biz_date BETWEEN :first AND :last
"""
_COUNT = f"""
SELECT 'stock_count', 'finished_stock', concat_ws('~', place, stock.sku_code, batch_no, counted_on),
       system_at_count_base::numeric, counted_base::numeric, coalesce(sku.base_unit, ''), counted_on,
       jsonb_build_object('place', place, 'product', stock.sku_code, 'batch', batch_no)
FROM ({STOCK.sql}) stock LEFT JOIN {SCHEMA}.sku USING (sku_code)
WHERE counted_base IS NOT NULL AND system_at_count_base IS DISTINCT FROM counted_base
"""
_BALANCE = f"""
SELECT 'stock_balance', 'commercial_stock', s.record_key, expected, stock_base::numeric, coalesce(sku.base_unit, ''),
       s.biz_date, jsonb_build_object('place', s.org_code, 'product', s.sku_code, 'since', s.before)
FROM (
  SELECT record_key, org_code, sku_code, biz_date, stock_base, lag(biz_date) OVER days AS before,
         (lag(stock_base) OVER days + coalesce(received_base, 0) - coalesce(sold_base, 0) + coalesce(adjusted_base, 0))
           ::numeric AS expected, received_base, sold_base
  FROM {SCHEMA}.commercial_stock WINDOW days AS (PARTITION BY org_code, sku_code ORDER BY biz_date)
) s LEFT JOIN {SCHEMA}.sku USING (sku_code)
WHERE s.biz_date BETWEEN :first AND :last AND s.biz_date = s.before + 1
  AND (received_base IS NOT NULL OR sold_base IS NOT NULL)
  AND abs(expected - stock_base) > {STOCK_TOLERANCE} * greatest(abs(expected), abs(stock_base))
"""
_OUTPUT = f"""
SELECT 'output_plan', 'mes_work_order', w.record_key, w.plan_qty_base::numeric, made.good, coalesce(sku.base_unit, ''),
       made.last_on, jsonb_build_object('plant', plant, 'work_order', wo_no, 'product', w.sku_code)
FROM {SCHEMA}.mes_work_order w
JOIN (
  SELECT plant, wo_no, sum(good_base) AS good, max(biz_date) AS last_on FROM {SCHEMA}.mes_output GROUP BY plant, wo_no
) made USING (plant, wo_no)
LEFT JOIN {SCHEMA}.sku ON sku.sku_code = w.sku_code
WHERE made.good > {OUTPUT_BOUND} * w.plan_qty_base AND made.last_on BETWEEN :first AND :last
"""
# K-02 holds the states of one body against each other, this those of all.
_STATES = f"""
SELECT 'state_overlap', 'equipment_state', record_key, 0::numeric,
       extract(epoch FROM least(to_at, reached) - from_at), 's', biz_date,
       jsonb_build_object('machine', machine, 'state', state, 'from_at', from_at, 'still_until', reached)
FROM (
  SELECT record_key, machine, state, from_at, to_at, biz_date, max(to_at) OVER (
    PARTITION BY machine ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS reached
  FROM {SCHEMA}.equipment_state
) s WHERE from_at < reached AND biz_date BETWEEN :first AND :last
"""
# As K-05 counts within one body: from the last count of a slot on, what went in and out.
_SLOTS = f"""
SELECT 'slot_balance', 'wms_move', s.record_key, 0::numeric, balance::numeric, coalesce(sku.base_unit, ''), s.biz_date,
       jsonb_build_object('place', wh_code, 'slot', slot, 'product', s.sku_code, 'batch', batch_no)
FROM (
  SELECT leg.*, sum(qty) OVER (
    PARTITION BY wh_code, slot, sku_code, batch_no, counts ORDER BY started_at, record_key
  ) AS balance
  FROM (
    SELECT m.record_key, wh_code, leg.slot, sku_code, coalesce(batch_no, '') AS batch_no, started_at, biz_date, leg.qty,
           count(*) FILTER (WHERE move = 'count') OVER (
             PARTITION BY wh_code, leg.slot, sku_code, coalesce(batch_no, '') ORDER BY started_at, record_key
           ) AS counts
    FROM {SCHEMA}.wms_move m CROSS JOIN LATERAL (
      SELECT coalesce(to_slot, from_slot), qty_base WHERE move = 'count'
      UNION ALL SELECT to_slot, qty_base WHERE move <> 'count'
      UNION ALL SELECT from_slot, -qty_base WHERE move <> 'count'
    ) leg (slot, qty) WHERE leg.slot IS NOT NULL
  ) leg WHERE counts > 0
) s LEFT JOIN {SCHEMA}.sku USING (sku_code)
WHERE balance < 0 AND qty < 0 AND s.biz_date BETWEEN :first AND :last
"""
_TYPES = {
    "transfer_receipt": _RECEIPT,
    "transfer_invoice": _INVOICE,
    "invoice_payment": _PAYMENT,
    "stock_count": _COUNT,
    "stock_balance": _BALANCE,
    "output_plan": _OUTPUT,
    "state_overlap": _STATES,
    "slot_balance": _SLOTS,
}
_NAMES = "(type, kind, key, expected, found, unit, biz_date, detail)"
_COLUMNS = {
    "newest_first": TEXT,
    "type": TEXT,
    "kind": TEXT,
    "key": TEXT,
    "expected": TEXT,
    "found": TEXT,
    "difference": TEXT,
    "unit": TEXT,
    "biz_date": DAY,
    "detail": TEXT,
}


def _differences(type: str) -> Report:
    parts = [f"SELECT * FROM ({sql}) d {_NAMES}" for name, sql in _TYPES.items() if type in ("", name)]
    sql = (
        # Days that count down, as text, so that the newest comes first in the order of the cursor.
        "SELECT to_char(3000000 - (biz_date - DATE '0001-01-01'), 'FM0000000') AS newest_first, type, kind, key, "
        "trim_scale(expected)::text AS expected, trim_scale(found)::text AS found, "
        "trim_scale(found - expected)::text AS difference, unit, biz_date, detail::text AS detail "
        f"FROM ({' UNION ALL '.join(parts)}) every"
    )
    return Report(columns=_COLUMNS, order=("newest_first", "type", "key"), sql=sql)


async def differences(db: Database, wanted: ReportWanted) -> ReportPage:
    """A page of differences; `name` of what is wanted is the type, or empty for all."""
    return await page_of(db, _differences(wanted.name), replace(wanted, name=""))
