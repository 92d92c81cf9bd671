"""What all shapes of the REST API are made of."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ItemT = TypeVar("ItemT")
Json = dict[str, Any]


class Shape(BaseModel):
    """Base of all shapes."""

    model_config = ConfigDict(extra="forbid")


class Page(Shape, Generic[ItemT]):
    """A page of a list."""

    items: list[ItemT]
    next_cursor: str | None = Field(description="Pass as `cursor` to get the next page; null: this is the last")


class PageWithTotal(Page[ItemT], Generic[ItemT]):
    total: int | None = Field(default=None, description="Number of matching items, where asked for")


class Listing(Shape, Generic[ItemT]):
    """A list that always fits one answer."""

    items: list[ItemT]
