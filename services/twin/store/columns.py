"""Columns of values as arguments of a statement: each is one text, for a driver that looks at each value of an array
for longer than it takes to send it.

values ─ joined ─▶ $1 ─ string_to_array ─▶ unnest(...) AS t(...) ─ as the column has it ─▶ table
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis.errors import Invalid

_SEPARATOR = "\x1e"
"""Stands in no JSON, where it is escaped, and in no id."""


def rows_of(table: sa.Table, names: Sequence[str], first: int = 1) -> str:
    """Arguments of a statement, from one on, as rows `t` of columns that are called like those of a table."""
    places = [_array(table.c[name].type, first + n) for n, name in enumerate(names)]
    return f"unnest({', '.join(places)}) AS t({', '.join(names)})"


def read(table: sa.Table, names: Sequence[str], rows: str = "t") -> list[str]:
    """The columns of such rows as the table keeps them."""
    return [_kept(table.c[name].type, f"{rows}.{name}") for name in names]


def arguments(table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
    """The arguments that are such rows; JSON is given as text, or None where it is absent, times in microseconds
    since 1970."""
    return [_way(table.c[name].type)(values) for name, values in columns.items()]


def _array(kind: sa.types.TypeEngine[Any], place: int) -> str:
    if isinstance(kind, sa.LargeBinary):
        return f"${place}::bytea[]"
    # A column of one empty text is one of none to PostgreSQL; so an empty text is null on its way.
    texts = f"string_to_array(${place}, '{_SEPARATOR}', '')"
    if isinstance(kind, (sa.BigInteger, sa.DateTime)):
        return f"{texts}::bigint[]"
    return f"{texts}::boolean[]" if isinstance(kind, sa.Boolean) else texts


def _kept(kind: sa.types.TypeEngine[Any], value: str) -> str:
    if isinstance(kind, JSONB):
        return f"{value}::jsonb"
    if isinstance(kind, sa.DateTime):
        return f"timestamptz 'epoch' + {value} * interval '1 microsecond'"
    return value if isinstance(kind, tuple(_WAYS)) else f"coalesce({value}, '')"


def _way(kind: sa.types.TypeEngine[Any]) -> Callable[[Sequence[Any]], Any]:
    return next((way for known, way in _WAYS.items() if isinstance(kind, known)), _texts)


def _texts(values: Sequence[str]) -> str:
    joined = _SEPARATOR.join(values)
    if joined.count(_SEPARATOR) >= max(len(values), 1):
        raise Invalid("a name holds a control character; leave it out")
    return joined


def _json(values: Sequence[str | None]) -> str:
    return _SEPARATOR.join([value or "" for value in values])


def _plain(values: Sequence[bool | int]) -> str:
    return _SEPARATOR.join(map(str, values))


_WAYS: Mapping[type[Any], Callable[[Sequence[Any]], Any]] = {
    sa.LargeBinary: list,
    JSONB: _json,
    sa.DateTime: _plain,
    sa.BigInteger: _plain,
    sa.Boolean: _plain,
}
