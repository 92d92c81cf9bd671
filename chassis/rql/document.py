"""What a query is asked of: anything that reads like this, whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

Json = dict[str, Any]


class Link(Protocol):
    """A named edge to another document."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str:
        """Id of the other one."""


class Origin(Protocol):
    """When the newest change was true, when it was learnt, and who said so."""

    @property
    def changed_at(self) -> datetime: ...
    @property
    def known_at(self) -> datetime: ...
    @property
    def source(self) -> str: ...


class Document(Protocol):
    """A thing with an id, JSON objects and relations to others; all of it is only read."""

    @property
    def id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def properties(self) -> Json: ...
    @property
    def desired(self) -> Json: ...
    @property
    def relations(self) -> Sequence[Link]: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def exists(self) -> bool:
        """False for one that was deleted."""
