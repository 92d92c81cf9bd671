import type { Recommendation } from "../api/types";
import type { Words } from "../i18n/language";
import type { Column } from "../shared/csv";

/** What the CSV of recommendations holds; texts in the language of the page. */
export function csvColumns(pick: Words["pick"]): Column<Recommendation>[] {
  return [
    { title: "id", value: (item) => item.id },
    { title: "retailer", value: (item) => item.retailer },
    { title: "retailer_name", value: (item) => item.retailer_name },
    { title: "mode", value: (item) => item.mode },
    { title: "sku", value: (item) => item.sku },
    { title: "sku_name", value: (item) => pick(item.sku_name_zh, item.sku_name_en) },
    { title: "rank", value: (item) => item.rank },
    { title: "score", value: (item) => item.score },
    { title: "quantity", value: (item) => item.quantity },
    { title: "unit", value: (item) => item.unit },
    { title: "reasons", value: (item) => item.reasons.map((reason) => pick(reason.text_zh, reason.text_en)).join("; ") },
    { title: "limits", value: (item) => item.limits.map((limit) => pick(limit.text_zh, limit.text_en)).join("; ") },
    { title: "state", value: (item) => item.state },
    { title: "model_version", value: (item) => item.model_version },
    { title: "created_at", value: (item) => item.created_at },
  ];
}
