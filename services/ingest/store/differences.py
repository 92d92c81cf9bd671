"""Two accounts of one thing that do not agree: sent and received, invoiced, paid, counted, rolled forward."""

from __future__ import annotations

from dataclasses import replace

from chassis.db import Database
from services.ingest.store.reports import DAY, STOCK, TEXT, Report, page_of
from services.ingest.store.tables import SCHEMA
from services.ingest.usecases.reporting import ReportPage, ReportWanted

STOCK_TOLERANCE = "0.005"
"""Share of the stock by which a roll-forward may be off (domain: 0.5 %)."""

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
_TYPES = {
    "transfer_receipt": _RECEIPT,
    "transfer_invoice": _INVOICE,
    "invoice_payment": _PAYMENT,
    "stock_count": _COUNT,
    "stock_balance": _BALANCE,
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
