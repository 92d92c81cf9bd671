"""A rule as Polars expressions: made once for the columns that records come with, used on every batch.

records ─ filter ─▶ those that a rule holds for ─ select ─▶ of whom, when, by whom, and a column a property or relation
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from services.twin.domain.dtdl import EnumSchema, Primitive
from services.twin.domain.feeding.columns import Column
from services.twin.domain.feeding.rules import Condition, FeedRule, Link, Trust, Value
from services.twin.domain.statements import RELATIONS
from services.twin.domain.types import TwinType

DELETE = "delete"
LONGEST_ID = 128
REPAIRED = 0.8
"""How far a value is trusted that a cleaning rule mended."""
SEPARATOR = ":"
TIME = pl.Datetime("us", "UTC")
_MOMENT = "%Y-%m-%dT%H:%M:%S%.f%:z"
_WHOLE_BITS = {"integer": 32, "long": 64}
Schema = Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True)
class Plan:
    """A rule for records with certain columns: `said` gives who, when and whose, whether it fits, values and links of
    the records that it `applies` to, or that only take back and by this name the twin that `ends`."""

    applies: pl.Expr
    ends: pl.Expr
    said: tuple[pl.Expr, ...]
    is_id: pl.Expr
    """Where all codes can stand in ids; costs more than all else, and is asked where one look at the `ids` finds one
    that is none."""
    ids: tuple[tuple[str, str], ...]
    """Columns of `said` that hold ids, and their models."""
    facets: Mapping[str, str]
    """Properties and relations, and the column of `said` that each is in."""
    lists: frozenset[str]
    """Properties that are JSON texts of lists."""
    links: frozenset[str]
    """Relations with one target."""
    link_lists: Mapping[str, str]
    """Relations with several targets, which are JSON texts of codes, and the model of these."""

    @property
    def said_columns(self) -> list[str]:
        """The columns that say something, without those that tell of whom, when and by whom."""
        return list(self.facets.values())


def plan(rule: FeedRule, model: TwinType, schema: Schema) -> Plan | None:
    """None where the records lack the columns that name the twin or the time."""
    times = [_as_time(column.name, schema[column.name]) for column in rule.at if column.name in schema]
    if not times or any(column.name not in schema for column in rule.id):
        return None
    values = [each for each in rule.values if each.name in model.properties and _is_there(each.column, schema)]
    links = [
        each
        for each in rule.links
        if each.name in model.relationships and all(_is_there(column, schema) for column in each.columns)
    ]
    singles, lists = [link for link in links if not link.is_list], [link for link in links if link.is_list]
    fitting = {link.name: _only(_target_fits(link), link.where, schema).fill_null(value=True) for link in links}
    checks = [fitting[link.name] for link in lists]
    checks += [check for each in values if (check := _fits(each, schema)) is not None]
    checks.append(pl.coalesce(times).is_not_null())
    said = [
        _id(rule.model, rule.id).alias("id"),
        pl.coalesce(times).alias("at"),
        _source(rule.source, schema).alias("source"),
        (pl.col("trace_id") if "trace_id" in schema else pl.lit(None, dtype=pl.String)).alias("trace_id"),
        _quality(rule.trust, schema).alias("quality"),
        pl.all_horizontal(checks).alias("fits"),
        *(_only(_told(each, schema), each.where, schema).alias(f"p.{each.name}") for each in values),
        *(_only(_target(link), link.where, schema).alias(f"r.{link.name}") for link in links),
    ]
    return Plan(
        applies=_applies(rule, schema),
        ends=pl.all_horizontal([_names(rule), _takes_back(schema)]),
        said=tuple(said),
        is_id=pl.all_horizontal([_id_fits(rule.id), *(fitting[link.name] for link in singles)]),
        ids=(("id", rule.model), *((f"r.{link.name}", link.model) for link in singles)),
        facets={each.name: f"p.{each.name}" for each in values}
        | {RELATIONS + link.name: f"r.{link.name}" for link in links},
        lists=frozenset(each.name for each in values if each.column.type == "list"),
        links=frozenset(RELATIONS + link.name for link in links if not link.is_list),
        link_lists={RELATIONS + link.name: link.model for link in links if link.is_list},
    )


def _is_there(column: Column, schema: Schema) -> bool:
    return column.name in schema and schema[column.name] != pl.Null


def _applies(rule: FeedRule, schema: Schema) -> pl.Expr:
    return pl.all_horizontal([_names(rule), ~_takes_back(schema), *(_holds(each, schema) for each in rule.where)])


def _takes_back(schema: Schema) -> pl.Expr:
    return pl.col("op").eq_missing(pl.lit(DELETE)) if "op" in schema else pl.lit(value=False)


def _names(rule: FeedRule) -> pl.Expr:
    return pl.all_horizontal([pl.col(column.name).is_not_null() for column in rule.id])


def _holds(condition: Condition, schema: Schema) -> pl.Expr:
    is_there = _is_there(condition.column, schema)
    column = pl.col(condition.column.name) if is_there else pl.lit(None, dtype=pl.String)
    if condition.ending:
        return column.str.ends_with(condition.ending).fill_null(value=False)
    known = [column.is_null() if value is None else column.eq_missing(pl.lit(value)) for value in condition.values]
    holds = reduce(lambda one, other: one | other, known, pl.lit(value=False))
    return ~holds if condition.is_negated else holds


def _only(told: pl.Expr, where: Iterable[Condition], schema: Schema) -> pl.Expr:
    conditions = [_holds(each, schema) for each in where]
    return pl.when(pl.all_horizontal(conditions)).then(told) if conditions else told


def _id(model: str, columns: Sequence[Column]) -> pl.Expr:
    return pl.concat_str([pl.lit(f"{model}:"), _code(columns)])


def _target(link: Link) -> pl.Expr:
    """The id, or the JSON text of the codes; an empty text where there is none any more."""
    target = pl.col(link.columns[0].name) if link.is_list else _id(link.model, link.columns)
    return target.replace("[]", "").fill_null("") if link.clears else target


def _code(columns: Sequence[Column]) -> pl.Expr:
    parts = [pl.col(column.name).cast(pl.String) for column in columns]
    return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=SEPARATOR)


def _id_fits(columns: Sequence[Column]) -> pl.Expr:
    """Whether the code can stand in an id and in an address; null names nothing and fits."""
    return ~_is_bad(_code(columns)).fill_null(value=False)


def _is_bad(code: pl.Expr) -> pl.Expr:
    return code.str.contains(r"[\s/?#\p{Cc}]") | (code.str.len_chars() > LONGEST_ID) | (code.str.len_bytes() == 0)


def _target_fits(link: Link) -> pl.Expr:
    if not link.is_list:
        return _id_fits(link.columns)
    codes = pl.col(link.columns[0].name).str.json_decode(pl.List(pl.String))
    return ~codes.list.eval(_is_bad(pl.element())).list.any()


def _source(apart: Column | None, schema: Schema) -> pl.Expr:
    if apart is None or apart.name not in schema:
        return pl.col("source")
    told = pl.concat_str([pl.col("source"), pl.col(apart.name)], separator=SEPARATOR)
    return pl.coalesce(told, pl.col("source"))


def _quality(trust: Trust | None, schema: Schema) -> pl.Expr:
    quality = pl.lit(1.0)
    if "quality_status" in schema:
        quality = pl.when(pl.col("quality_status") == "repaired").then(REPAIRED).otherwise(1.0)
    if trust is not None and trust.column.name in schema:
        told = pl.col(trust.column.name).replace_strict(dict(trust.numbers), default=1.0, return_dtype=pl.Float64)
        quality = quality * told
    return quality


def _told(value: Value, schema: Schema) -> pl.Expr:
    """What JSON can say: money and days as text, times in ISO form."""
    dtype, column = schema[value.column.name], pl.col(value.column.name)
    wanted = value.schema.name if isinstance(value.schema, Primitive) else ""
    if wanted in ("double", "float"):
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        return _utc(column, dtype).dt.strftime(_MOMENT)
    if isinstance(dtype, pl.Decimal) or dtype == pl.Date:
        column = column.cast(pl.String)
    if value.codes:
        column = column.replace(dict(value.codes))
    return column if value.otherwise is None else column.fill_null(value.otherwise)


def _fits(value: Value, schema: Schema) -> pl.Expr | None:
    """Whether the model allows what the column says; None where its type alone says so."""
    column = pl.col(value.column.name)
    if isinstance(value.schema, EnumSchema):
        known = [each.value for each in value.schema.values if isinstance(each.value, str)]
        if value.codes:
            column = column.replace(dict(value.codes))
        return _only(column.is_in(known), value.where, schema).fill_null(value=True)
    name = value.schema.name if isinstance(value.schema, Primitive) else ""
    if name in _WHOLE_BITS and schema[value.column.name] != pl.Int32:
        bound = 2 ** (_WHOLE_BITS[name] - 1)
        return column.is_between(-bound, bound - 1).fill_null(value=True) if name == "integer" else None
    if name in ("double", "float") and schema[value.column.name].is_float():
        return column.is_finite().fill_null(value=True)
    return None


def _as_time(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return _utc(column, dtype) if isinstance(dtype, pl.Datetime) else column.cast(pl.Datetime("us")).cast(TIME)


def _utc(column: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    return column if dtype == TIME else column.cast(TIME)
