"""A fact that is worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # stands where @property does
    """`functools.cached_property` as it is from Python 3.12 on: without a lock, which costs more than most facts."""

    def __init__(self, look: Callable[[Any], T]) -> None:
        self._look = look
        self._name = look.__name__
        self.__doc__ = look.__doc__

    @overload
    def __get__(self, owner: None, of: type | None = None) -> Self: ...
    @overload
    def __get__(self, owner: object, of: type | None = None) -> T: ...
    def __get__(self, owner: object | None, of: type | None = None) -> Self | T:
        if owner is None:
            return self
        value = self._look(owner)
        owner.__dict__[self._name] = value
        return value
