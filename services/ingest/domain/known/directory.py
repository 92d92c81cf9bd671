"""Master data that records refer to, as the door knows them right now.

A shop, product or company is here from the moment its record was acknowledged, before the book of records has it, so
that an order posted right after its shop finds it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date

import polars as pl

from services.ingest.domain.cleaning.habits import Habits
from services.ingest.domain.frames.columns import choose, filled
from services.ingest.domain.frames.native import of_arrow, of_places, rows_of, taken
from services.ingest.domain.keeping.versions import DELETE
from services.ingest.domain.known.shops import Shop, Shops
from services.ingest.domain.known.stocks import LastStocks
from services.ingest.domain.schemas.fields import UTC_TIME
from services.ingest.domain.values.names import NameIndex

_VERSION: dict[str, pl.DataType] = {"occurred_at": UTC_TIME, "ingested_at": UTC_TIME}
SKU_COLUMNS: dict[str, pl.DataType] = {
    "sku_code": pl.String(),
    "name_zh": pl.String(),
    "sticks_per_pack": pl.Int64(),
    "packs_per_carton": pl.Int64(),
    "cartons_per_master": pl.Int64(),
    "price_guide": pl.Float64(),
    "price_allocation_ex_vat": pl.Float64(),
    "currency": pl.String(),
    "base_unit": pl.String(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
    **_VERSION,
}
RETAILER_COLUMNS: dict[str, pl.DataType] = {
    "retailer_code": pl.String(),
    "license_no": pl.String(),
    "wecom_custom_id": pl.String(),
    "name": pl.String(),
    "adcode": pl.String(),
    "city_org": pl.String(),
    "account_manager_user_id": pl.String(),
    **_VERSION,
}
PACK_COLUMNS = (
    "sku_code",
    "sticks_per_pack",
    "packs_per_carton",
    "cartons_per_master",
    "price_guide",
    "currency",
    "base_unit",
)
ORG_COLUMNS: dict[str, pl.DataType] = {"org_code": pl.String(), "adcode": pl.String(), **_VERSION}
SKU_ALIAS_COLUMNS: dict[str, pl.DataType] = {
    "record_key": pl.String(),
    "alias_source": pl.String(),
    "alias_kind": pl.String(),
    "alias": pl.String(),
    "sku_code": pl.String(),
    **_VERSION,
}
RETAILER_ALIAS_COLUMNS: dict[str, pl.DataType] = {
    "record_key": pl.String(),
    "retailer_code": pl.String(),
    **_VERSION,
}
ANY_SOURCE = "*"
SKU_ALIASES = ("national", "ean_carton", "ean_pack", "erp", "pos", "name")
RETAILER_ALIASES = ("pos_store", "erp", "oms", "other")
COMPACT_FACTOR = 2
MANY = 500
"""Of so many codes the different ones are looked for."""


class Register:
    """Rows by code; a newer version of a code replaces its row. Safe to read from another thread."""

    def __init__(self, columns: dict[str, pl.DataType], key: str, *also: str) -> None:
        self.columns = columns
        self._key = key
        self._also = also
        self._frame = pl.DataFrame(schema=columns)
        self._index: dict[str, int] = {}
        self._others: dict[str, dict[str, int]] = {name: {} for name in also}
        self._views: dict[tuple[str, ...], tuple[pl.DataFrame, pl.DataFrame]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._index)

    def put(self, frame: pl.DataFrame) -> None:
        """Adds or replaces rows; columns that the frame does not hold are empty. Older versions change nothing."""
        rows = self._rows(frame).sort(*_VERSION)
        with self._lock:
            rows = rows.filter(self._is_news(rows))
            if rows.is_empty():
                return
            start = self._frame.height
            self._frame = pl.concat([self._frame, rows])
            self._note(rows, start)
            if self._frame.height > 1000 and self._frame.height > COMPACT_FACTOR * len(self._index):
                self._compact()

    def drop(self, frame: pl.DataFrame) -> None:
        """Forgets the rows of these codes, where they are not newer."""
        rows = self._rows(frame)
        with self._lock:
            for code in rows.filter(self._is_news(rows)).get_column(self._key).to_list():
                place = self._index.pop(code, None)
                for name, index in self._others.items():
                    other = None if place is None else self._frame.item(place, name)
                    if other is not None and index.get(other) == place:
                        del index[other]

    def _rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in self.columns.items()
        )

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
        for name, index in self._others.items():
            pairs = zip(rows.get_column(name).to_list(), range(start, start + len(codes)), strict=True)
            index.update((code, place) for code, place in pairs if code)

    def _compact(self) -> None:
        self._frame = self._frame[sorted(self._index.values())]
        self._index.clear()
        for index in self._others.values():
            index.clear()
        self._note(self._frame, 0)

    @property
    def rows(self) -> pl.DataFrame:
        """All rows in the order of arrival, replaced ones among them; the same frame until something changes."""
        with self._lock:
            return self._frame

    def missing(self, codes: set[str]) -> set[str]:
        """Of the codes, those that are not here."""
        with self._lock:
            return {code for code in codes if code not in self._index}

    def by_other(self, codes: set[str]) -> dict[str, str]:
        """Key by another code of the row, the first such column before the second."""
        with self._lock:
            keys = self._frame.get_column(self._key)
            found: dict[str, str] = {}
            for index in reversed(self._others.values()):
                found |= {code: keys[index[code]] for code in codes if code in index}
        return found

    def look_up(self, codes: pl.Series, also: pl.Series | None = None, *, columns: Sequence[str] = ()) -> pl.DataFrame:
        """The row of each code (or, failing that, of its second code), nulls where there is none.

        `columns` are those wanted, all where empty.
        """
        with self._lock:
            places = _places(self._index, codes)
            if also is not None:
                places = choose(filled(places), places, _places(self._others[self._also[0]], also))
            frame = self._frame
        return rows_of(self._view(frame, tuple(columns or self.columns)), places)

    def _view(self, frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
        """These columns of a frame; the same ones are asked for in every pass."""
        known = self._views.get(columns)
        if known is None or known[0] is not frame:
            known = self._views[columns] = (frame, frame.select(columns))
        return known[1]


def _places(index: dict[str, int], codes: pl.Series) -> pl.Series:
    """The place of each code, null where there is none.

    Many records name few shops and products: each of those is looked for once.
    """
    if len(codes) < MANY or codes.null_count() == len(codes):
        return of_places(list(map(index.get, codes.to_list())))
    told = codes.to_arrow().dictionary_encode()
    distinct = of_places(list(map(index.get, of_arrow(told.dictionary).to_list())))
    return taken(distinct, of_arrow(told.indices).cast(pl.UInt32))


class Products(Register):
    """Products by code, with the versions that hold on other days, and an index of their names."""

    def __init__(self) -> None:
        super().__init__(SKU_COLUMNS, "sku_code")
        self.names = NameIndex()
        self._former: dict[str, dict[date | None, pl.DataFrame]] = {}

    def put(self, frame: pl.DataFrame) -> None:
        """Adds or replaces products; a version with another first day stays for the records of its days."""
        rows = self._rows(frame)
        now = self.look_up(rows.get_column(self._key))
        super().put(rows)
        for code, name in rows.select("sku_code", "name_zh").iter_rows():
            if name:
                self.names.note(name, code)
        either = pl.concat([now.filter(pl.col(self._key).is_not_null()), rows])
        dated = pl.col(self._key).is_in(list(self._former))
        several = either.filter((pl.col("valid_from").n_unique().over(self._key) > 1) | dated)
        for row in several.sort(*_VERSION).iter_slices(1):
            versions = self._former.setdefault(row.item(0, self._key), {})
            before = versions.get(row.item(0, "valid_from"))
            if before is None or before.item(0, "occurred_at") <= row.item(0, "occurred_at"):
                versions[row.item(0, "valid_from")] = row

    def look_up_on(self, codes: pl.Series, days: pl.Series, *more: str) -> pl.DataFrame:
        """Pack sizes and prices of each code as they were valid on a day; the newest where no version says it was."""
        dated = self._former.keys() & set(codes.to_list()) if self._former else set()
        if not dated:
            return self.look_up(codes, columns=(*PACK_COLUMNS, *more))
        found = self.look_up(codes)
        versions = pl.concat([row for code in dated for row in self._former[code].values()])
        wanted = pl.DataFrame({"place": range(len(codes)), "code": codes, "day": days})
        open_from, open_to = pl.col("valid_from").is_null(), pl.col("valid_to").is_null()
        holds = (open_from | (pl.col("valid_from") <= pl.col("day"))) & (
            open_to | (pl.col("valid_to") >= pl.col("day"))
        )
        best = (
            wanted.join(versions, left_on="code", right_on="sku_code", coalesce=False)
            .filter(holds)
            .sort("valid_from", *_VERSION, nulls_last=False)
            .unique("place", keep="last")
        )
        stays = found.with_columns(place=pl.Series(range(len(codes)))).join(best, on="place", how="anti")
        columns = ["place", *PACK_COLUMNS, *more]
        return pl.concat([stays.select(columns), best.select(columns)]).sort("place").drop("place")


class Directory:
    """The registers of products, shops, companies and aliases."""

    def __init__(self) -> None:
        self.sku = Products()
        self.retailer = Register(RETAILER_COLUMNS, "retailer_code", "license_no", "wecom_custom_id")
        self.org = Register(ORG_COLUMNS, "org_code")
        self.sku_alias = Register(SKU_ALIAS_COLUMNS, "record_key")
        self.retailer_alias = Register(RETAILER_ALIAS_COLUMNS, "record_key")
        self.named = NameIndex()
        """Approved names of products, of all sources."""
        self._shops: tuple[pl.DataFrame, Shops] | None = None
        self.stocks = LastStocks()
        self.habits = Habits()
        self._registers: dict[str, Register] = {
            "sku": self.sku,
            "retailer": self.retailer,
            "org": self.org,
            "sku_alias": self.sku_alias,
            "retailer_alias": self.retailer_alias,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of master data that have a register."""
        return tuple(self._registers)

    def register(self, kind: str) -> Register | None:
        """The register that a kind of master data feeds."""
        return self._registers.get(kind)

    def shops(self) -> Shops:
        """The shops to be found by licence and name; made anew when a shop changed."""
        rows = self.retailer.rows
        if self._shops is None or self._shops[0] is not rows:
            columns = rows.select(pl.col("retailer_code", "license_no", "name", "adcode").fill_null(""))
            newest = columns.unique("retailer_code", keep="last", maintain_order=True)
            self._shops = rows, Shops(Shop(*row) for row in newest.iter_rows())
        return self._shops[1]

    def products_called(self, source: str, aliases: set[str]) -> dict[str, str]:
        """Product by alias, for the aliases that this source or all sources use."""
        found = _called(self.sku_alias, "sku_code", source, SKU_ALIASES, aliases)
        for alias in aliases - found.keys() if len(self.named) else ():
            code = self.named.exact(alias)
            if code is not None:
                found[alias] = code
        return found

    def shops_called(self, source: str, codes: set[str]) -> dict[str, str]:
        """Shop by what a source wrote in place of its code: licence, WeCom custom id, alias."""
        found = _called(self.retailer_alias, "retailer_code", source, RETAILER_ALIASES, codes)
        return found | self.retailer.by_other(codes)

    def put(self, kind: str, frame: pl.DataFrame) -> None:
        """Takes master data and stocks in; other kinds are ignored."""
        if kind == "commercial_stock" and not frame.is_empty():
            self.stocks.put(frame)
        register = self.register(kind)
        if register is None or frame.is_empty():
            return
        if "op" in frame.columns:
            is_deletion = pl.col("op").eq_missing(DELETE)
            register.drop(frame.filter(is_deletion))
            frame = frame.filter(~is_deletion)
        register.put(frame)
        if register is self.sku_alias:
            names = frame.filter(pl.col("alias_kind") == "name", pl.col("alias_source") == ANY_SOURCE)
            for name, code in names.select("alias", "sku_code").iter_rows():
                self.named.note(name, code)


def _called(register: Register, wanted: str, source: str, kinds: tuple[str, ...], aliases: set[str]) -> dict[str, str]:
    """What each alias stands for, the source's own before everybody's."""
    if not len(register):
        return {}
    found: dict[str, str] = {}
    for owner in (ANY_SOURCE, source):
        for kind in kinds:
            keys = {f"{owner}~{kind}~{alias}": alias for alias in aliases}
            here = keys.keys() - register.missing(set(keys))
            rows = register.look_up(pl.Series(sorted(here), dtype=pl.String)).select("record_key", wanted)
            found |= {keys[key]: code for key, code in rows.iter_rows()}
    return found
