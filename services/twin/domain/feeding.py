"""What records say about twins: one columnar rule per record kind.

sku ─▶ sku:CODE        retailer ─▶ retailer:CODE (located_in region:ADCODE)
commercial_order, pos_sale, price_observation ─▶ last facts of retailer:CODE
price_observation without retailer ─▶ region:ADCODE
regions file ─▶ region:ADCODE (part_of)
commercial_sale, as the store's sums over a region's newest period ─▶ region:ADCODE
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from services.twin.domain.twins import Origin, Relation, Sighting
from services.twin.domain.types import Types

Rule = Callable[[pl.DataFrame, Types], list[pl.DataFrame]]

MASTER = ("source", "trace_id", "occurred_at")


def standing(records: pl.DataFrame) -> pl.DataFrame:
    """The records that say something: one that only takes back says nothing of a twin, which keeps its past."""
    if "op" not in records.columns:
        return records
    return records.filter(~pl.col("op").eq_missing("delete"))


def sightings(kind: str, records: pl.DataFrame, known_at: datetime, types: Types) -> list[Sighting]:
    """What the records of one kind say, at most one sighting per twin and source moment; empty for other kinds."""
    rule = RULES.get(kind)
    if rule is None or records.is_empty():
        return []
    return [_sighting(row, known_at) for said in rule(records, types) for row in said.iter_rows(named=True)]


def _sighting(row: Mapping[str, Any], known_at: datetime) -> Sighting:
    properties = {name: _json(value) for name, value in row["properties"].items() if value is not None}
    relations = (Relation(row["relation"], row["target"]),) if row.get("target") else ()
    origin = Origin(row["occurred_at"], known_at, row["source"], row["trace_id"] or "")
    return Sighting(row["id"], row["model"], properties, relations, origin)


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _master(model: str, key: str) -> Rule:
    """Every property of the type that the records have a column for."""

    def rule(records: pl.DataFrame, types: Types) -> list[pl.DataFrame]:
        wanted = [name for name in types[model].properties if name in records.columns]
        newest = records.sort("occurred_at").group_by(key, maintain_order=True).last()
        located = pl.concat_str(pl.lit("region:"), pl.col("adcode")) if "adcode" in records.columns else pl.lit(None)
        said = newest.select(
            pl.concat_str(pl.lit(f"{model}:"), key).alias("id"),
            pl.lit(model).alias("model"),
            pl.struct(_plain(records.schema[name], name) for name in wanted).alias("properties"),
            pl.lit("located_in").alias("relation"),
            located.alias("target") if model == "retailer" else pl.lit(None, dtype=pl.String).alias("target"),
            *MASTER,
        )
        return [said]

    return rule


def _plain(kind: pl.DataType, name: str) -> pl.Expr:
    """Money as decimal text and days as ISO text, as JSON has neither."""
    column = pl.col(name)
    if isinstance(kind, pl.Decimal) or kind == pl.Date:
        return column.cast(pl.String)
    return column


def _last_fact(properties: Mapping[str, str]) -> Rule:
    """The newest record of each retailer; `properties` names the twin's properties by column."""

    def rule(records: pl.DataFrame, _types: Types) -> list[pl.DataFrame]:
        newest = (
            records.filter(pl.col("retailer_code").is_not_null())
            .sort("occurred_at")
            .group_by("retailer_code", maintain_order=True)
            .last()
        )
        said = newest.select(
            pl.concat_str(pl.lit("retailer:"), "retailer_code").alias("id"),
            pl.lit("retailer").alias("model"),
            pl.struct(pl.col(column).alias(name) for name, column in properties.items()).alias("properties"),
            pl.lit(None, dtype=pl.String).alias("target"),
            *MASTER,
        )
        return [said]

    return rule


def _prices(records: pl.DataFrame, types: Types) -> list[pl.DataFrame]:
    at_shops = _last_fact({"last_price_observed_at": "observed_at"})(records, types)
    regional = records.filter(pl.col("retailer_code").is_null() & pl.col("adcode").is_not_null())
    newest = regional.sort("occurred_at").group_by("adcode", maintain_order=True).last()
    of_regions = newest.select(
        pl.concat_str(pl.lit("region:"), "adcode").alias("id"),
        pl.lit("region").alias("model"),
        pl.struct(
            pl.col("price_observed").cast(pl.String),
            pl.col("unit").alias("price_unit"),
            pl.col("currency").alias("price_currency"),
            pl.col("observed_at").alias("price_observed_at"),
        ).alias("properties"),
        pl.lit(None, dtype=pl.String).alias("target"),
        *MASTER,
    )
    return [*at_shops, of_regions]


def _sales(totals: pl.DataFrame, _types: Types) -> list[pl.DataFrame]:
    """One row per region with the sums of its newest period."""
    names = ["sales_period", "sales_on", "sales_qty_base", "sales_amount", "sales_currency"]
    said = totals.select(
        pl.concat_str(pl.lit("region:"), "adcode").alias("id"),
        pl.lit("region").alias("model"),
        pl.struct(names).alias("properties"),
        pl.lit(None, dtype=pl.String).alias("target"),
        *MASTER,
    )
    return [said]


def region_sightings(regions: pl.DataFrame, origin: Origin) -> list[Sighting]:
    """Region twins from the regions file (adcode, parent, level, name_zh, name_en, lon, lat)."""
    properties = ["level", "name_zh", "name_en", "lon", "lat"]
    return [
        Sighting(
            id=f"region:{row['adcode']}",
            model="region",
            properties={name: row[name] for name in properties if row[name] is not None},
            relations=(Relation("part_of", f"region:{row['parent']}"),) if row["parent"] else (),
            origin=origin,
        )
        for row in regions.iter_rows(named=True)
    ]


RULES: Mapping[str, Rule] = {
    "sku": _master("sku", "sku_code"),
    "retailer": _master("retailer", "retailer_code"),
    "commercial_order": _last_fact(
        {"last_ordered_at": "ordered_at", "last_order_no": "order_no", "last_cycle": "cycle"}
    ),
    "pos_sale": _last_fact({"last_pos_sale_at": "sold_at"}),
    "price_observation": _prices,
    "commercial_sale": _sales,
}
