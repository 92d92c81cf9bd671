"""What a record kind is made of: fields with a type, a data class and a place in the business key."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import polars as pl


class DataClass(StrEnum):
    """Protection class of a field (C-18)."""

    PUBLIC = "public"
    INTERNAL = "internal"
    IMPORTANT = "important"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class FieldType(StrEnum):
    """How the text of a source becomes a value, and how the value is kept."""

    CODE = "code"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    MEASURE = "measure"
    QUANTITY = "quantity"
    TIME = "time"
    DATE = "date"
    FLAG = "flag"
    CHOICE = "choice"
    UNIT = "unit"
    CONSUMER = "consumer"
    PHONE = "phone"
    PERSON_NAME = "person_name"
    AGE = "age"
    LIST = "list"
    WEEK = "week"


MONEY = pl.Decimal(14, 2)
MEASURE = pl.Decimal(18, 3)
UTC_TIME = pl.Datetime("us", "UTC")

POLARS_TYPES: dict[FieldType, pl.DataType] = {
    FieldType.CODE: pl.String(),
    FieldType.TEXT: pl.String(),
    FieldType.INTEGER: pl.Int64(),
    FieldType.NUMBER: pl.Float64(),
    FieldType.MONEY: MONEY,
    FieldType.MEASURE: MEASURE,
    FieldType.QUANTITY: pl.Int64(),
    FieldType.TIME: UTC_TIME,
    FieldType.DATE: pl.Date(),
    FieldType.FLAG: pl.Boolean(),
    FieldType.CHOICE: pl.String(),
    FieldType.UNIT: pl.String(),
    FieldType.CONSUMER: pl.String(),
    FieldType.PHONE: pl.String(),
    FieldType.PERSON_NAME: pl.String(),
    FieldType.AGE: pl.String(),
    FieldType.LIST: pl.String(),
    FieldType.WEEK: pl.String(),
}
NEVER_STORED = (FieldType.CONSUMER, FieldType.PHONE, FieldType.PERSON_NAME, FieldType.AGE)
"""What says who a person is: read at the door, kept nowhere."""


MEASURED = (
    FieldType.INTEGER,
    FieldType.NUMBER,
    FieldType.MONEY,
    FieldType.MEASURE,
    FieldType.QUANTITY,
    FieldType.LIST,
)
UNIT_BY_ENDING = {
    "_base": "base unit",
    "_mm": "mm",
    "_m": "m",
    "_pct": "%",
    "_mg": "mg",
    "_kg": "kg",
    "_min": "min",
    "_days": "day",
    "_cases": "case",
    "_cartons": "carton",
    "_pallets": "pallet",
}

ENRICHED = ("adcode", "city_org", "account_manager_user_id")
"""Fields that the door adds from the record of the shop or company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a kind.

    `given` fields may come from a source; the others are filled at the door. Fields that are not `stored` are read at
    the door and never leave it (a consumer id becomes a token, a licence number becomes a retailer code).
    A LIST is kept as JSON text.
    """

    name: str
    type: FieldType
    doc: str
    required: bool = False
    unless: str = ""
    """A required field may be absent where this other field is present."""
    key: bool = False
    data_class: DataClass = DataClass.INTERNAL
    values: tuple[str, ...] = ()
    default: str | int | bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    given: bool = True
    stored: bool = True
    items: FieldType | None = None
    """What a LIST holds, CODE or INTEGER; `minimum` is that of an item, `maximum` the number of items."""
    may_be_future: bool = False
    """A plan, a promise or a due time: it may lie ahead."""
    unit: str = ""
    """Unit of the value, where the ending of the name does not say it."""

    @property
    def unit_of_value(self) -> str:
        """Unit of the value; empty where it has none, or where another field of the record names it."""
        if self.unit or self.type not in MEASURED:
            return self.unit
        return next((unit for ending, unit in UNIT_BY_ENDING.items() if self.name.endswith(ending)), "")

    @property
    def polars_type(self) -> pl.DataType:
        return POLARS_TYPES[self.type]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A record kind: its fields, and which of them say when it happened and what it is about."""

    name: str
    schema_version: int
    doc: str
    fields: tuple[Field, ...]
    occurred: str = ""
    """Field with the time of the fact; empty: master data without one, the time of arrival counts."""
    one_of: tuple[str, ...] = ()
    """At least one of these must be present."""
    day: str = ""
    """Field with the business day (or the ISO week, or the time of that day) where it is not the day of `occurred`.

    A transfer belongs to the day it was planned for, and occurred when it came to its last status.
    """
    place: str = ""
    """Field with the company whose region the record gets."""
    in_book: bool = True
    """Whether single records are kept in the book; samples of sensors are too many."""
    is_master: bool = False
    """Master data describe things; they are never late and other records refer to them."""
    quantity: str = ""
    """Field that holds the quantity as it was received, for kinds that measure in a unit of their own."""

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError(f"kind {self.name} names a field twice")

    def field(self, name: str) -> Field | None:
        return self._by_name.get(name)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.key)

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.stored)

    @cached_property
    def given(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.given)

    @cached_property
    def required(self) -> tuple[Field, ...]:
        return tuple(field for field in self.given if field.required)

    @cached_property
    def defaulted(self) -> tuple[Field, ...]:
        return tuple(field for field in self.given if field.default is not None)

    @cached_property
    def wordy(self) -> tuple[Field, ...]:
        """The given fields that may hold words of a person: texts, codes and lists of codes."""
        words = (FieldType.TEXT, FieldType.CODE)
        return tuple(field for field in self.given if field.type in words or field.items is FieldType.CODE)

    @cached_property
    def personal(self) -> frozenset[str]:
        """The names of the fields that are read and never kept."""
        return frozenset(field.name for field in self.fields if field.type in NEVER_STORED)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The stored fields that a record brings itself: what master data add to it is left out."""
        return tuple(field.name for field in self.stored if field.given or field.name not in ENRICHED)

    def of_type(self, *types: FieldType) -> tuple[Field, ...]:
        known = self._by_types.get(types)
        if known is None:
            known = self._by_types[types] = tuple(field for field in self.fields if field.type in types)
        return known

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _by_types(self) -> dict[tuple[FieldType, ...], tuple[Field, ...]]:
        return {}


def fields(*own: Field, added: tuple[Field, ...] = ()) -> tuple[Field, ...]:
    """The fields of a kind: its own, the envelope fields that a source may give, those added by later versions.

    What is added stands last: the digest by which repetitions are told goes by the order, and must not change for
    records that came before.
    """
    names = {field.name for field in own}
    return own + tuple(field for field in _COMMON if field.name not in names) + added


_COMMON = (
    Field(name="org_code", type=FieldType.CODE, doc="Company the record belongs to."),
    Field(name="grant_id", type=FieldType.CODE, doc="Data-sharing grant under which the record came (C-20)."),
    Field(name="source_id", type=FieldType.CODE, doc="Id of the record in its source; the business key where absent."),
)
