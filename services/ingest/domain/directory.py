"""Master data that records refer to, as the door knows them right now.

A shop, product or company is here from the moment its record was acknowledged, before the book of records has it, so
that an order posted right after its shop finds it.
"""

from __future__ import annotations

import threading

import polars as pl

from services.ingest.domain.fields import UTC_TIME

_VERSION: dict[str, pl.DataType] = {"occurred_at": UTC_TIME, "ingested_at": UTC_TIME}
SKU_COLUMNS: dict[str, pl.DataType] = {
    "sku_code": pl.String(),
    "sticks_per_pack": pl.Int64(),
    "packs_per_carton": pl.Int64(),
    "cartons_per_master": pl.Int64(),
    "price_guide": pl.Float64(),
    "currency": pl.String(),
    "base_unit": pl.String(),
    **_VERSION,
}
RETAILER_COLUMNS: dict[str, pl.DataType] = {
    "retailer_code": pl.String(),
    "license_no": pl.String(),
    "adcode": pl.String(),
    "city_org": pl.String(),
    "account_manager_user_id": pl.String(),
    **_VERSION,
}
ORG_COLUMNS: dict[str, pl.DataType] = {"org_code": pl.String(), "adcode": pl.String(), **_VERSION}
COMPACT_FACTOR = 2


class Register:
    """Rows by code; a newer version of a code replaces its row. Safe to read from another thread."""

    def __init__(self, columns: dict[str, pl.DataType], key: str, also: str = "") -> None:
        self.columns = columns
        self._key = key
        self._also = also
        self._frame = pl.DataFrame(schema=columns)
        self._index: dict[str, int] = {}
        self._second: dict[str, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._index)

    def put(self, frame: pl.DataFrame) -> None:
        """Adds or replaces rows; the frame holds at least the register's columns. Older versions change nothing."""
        rows = frame.select(pl.col(name).cast(dtype) for name, dtype in self.columns.items()).sort(*_VERSION)
        with self._lock:
            rows = rows.filter(self._is_news(rows))
            start = self._frame.height
            self._frame = pl.concat([self._frame, rows])
            self._note(rows, start)
            if self._frame.height > 1000 and self._frame.height > COMPACT_FACTOR * len(self._index):
                self._compact()

    def _is_news(self, rows: pl.DataFrame) -> pl.Series:
        places = pl.Series(list(map(self._index.get, rows.get_column(self._key).to_list())), dtype=pl.UInt32)
        now = self._frame.select(pl.col(*_VERSION).gather(places))
        newer = pl.lit(value=False)
        for name in reversed(tuple(_VERSION)):
            newer = (pl.col(f"{name}_now") > pl.col(name)) | ((pl.col(f"{name}_now") == pl.col(name)) & newer)
        both = rows.select(*_VERSION).hstack(now.rename({name: f"{name}_now" for name in _VERSION}))
        return both.select((~newer).fill_null(value=True)).to_series()

    def _note(self, rows: pl.DataFrame, start: int) -> None:
        codes = rows.get_column(self._key).to_list()
        self._index.update(zip(codes, range(start, start + len(codes)), strict=True))
        if self._also:
            pairs = zip(rows.get_column(self._also).to_list(), range(start, start + len(codes)), strict=True)
            self._second.update((code, place) for code, place in pairs if code)

    def _compact(self) -> None:
        self._frame = self._frame[sorted(self._index.values())]
        self._index.clear()
        self._second.clear()
        self._note(self._frame, 0)

    def missing(self, codes: set[str]) -> set[str]:
        """Of the codes, those that are not here."""
        with self._lock:
            return {code for code in codes if code not in self._index}

    def look_up(self, codes: pl.Series, also: pl.Series | None = None) -> pl.DataFrame:
        """The row of each code (or, failing that, of its second code), nulls where there is none."""
        with self._lock:
            places = list(map(self._index.get, codes.to_list()))
            if also is not None:
                second = map(self._second.get, also.to_list())
                places = [first if first is not None else other for first, other in zip(places, second, strict=True)]
            frame = self._frame
        return frame.select(pl.all().gather(pl.Series(places, dtype=pl.UInt32)))


class Directory:
    """The registers of products, shops and companies."""

    def __init__(self) -> None:
        self.sku = Register(SKU_COLUMNS, "sku_code")
        self.retailer = Register(RETAILER_COLUMNS, "retailer_code", "license_no")
        self.org = Register(ORG_COLUMNS, "org_code")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of master data that have a register."""
        return ("sku", "retailer", "org")

    def register(self, kind: str) -> Register | None:
        """The register that a kind of master data feeds."""
        return {"sku": self.sku, "retailer": self.retailer, "org": self.org}.get(kind)

    def put(self, kind: str, frame: pl.DataFrame) -> None:
        """Takes master data in; other kinds are ignored."""
        register = self.register(kind)
        if register is not None and not frame.is_empty():
            register.put(frame)
