"""Migrations of twins to another version of their type: steps that are data.

{"op": "rename", "property": "tier", "to": "grade"}              also of a relation: "relation" in place of "property"
{"op": "remove", "property": "spec"}                             also of a relation; "of": "desired" forgets a wish
{"op": "default", "property": "kind", "value": "other"}          where a twin does not have it
{"op": "convert", "property": "weight", "by": "unit", "from": "gram", "to": "kilogram"}

A property within a component is named with its component: `door/width`. Steps are taken one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import Problem
from services.twin.domain.conversions import Convert, Unconvertible, conversion
from services.twin.domain.types import TwinType

Json = dict[str, Any]
MOST_STEPS = 200


class Misfit(Exception):
    """A value that a step can make nothing of; `place` is the property, with its component."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the JSON that it was read from."""

    op: str
    path: tuple[str, ...]
    is_relation: bool
    to: str
    of: str
    value: Any
    convert: Convert | None
    told: Json


@dataclass(frozen=True, slots=True)
class Steps:
    """What a migration does, in its order."""

    steps: tuple[Step, ...] = ()
    heads: frozenset[str] = field(init=False)
    """Properties that a step is about, with their components, and relations, before and after."""

    def __post_init__(self) -> None:
        heads = {name for each in self.steps for name in (each.path[0], each.to)}
        object.__setattr__(self, "heads", frozenset(heads))

    @classmethod
    def of(cls, told: Sequence[Json]) -> Steps:
        """From what was checked once."""
        return cls(tuple(_step(each) for each in told))

    @property
    def told(self) -> list[Json]:
        return [each.told for each in self.steps]

    def properties(self, before: Mapping[str, Any], *, fills: bool = True) -> Json:
        """The properties of a twin after the steps; without `fills` what one source says of some of them.

        Raises Misfit.
        """
        return self._moved(before, "properties", fills=fills)

    def desired(self, before: Mapping[str, Any]) -> Json:
        """What is desired, after the steps; raises Misfit."""
        return self._moved(before, "desired", fills=False)

    def relation(self, name: str) -> str | None:
        """The name of a relation after the steps; None where it is removed."""
        found: str | None = name
        for step in self.steps:
            if step.is_relation and step.path == (found,):
                found = step.to or None
        return found

    def renamed(self, name: str) -> str | None:
        """The name of a property after the steps; None where it is removed."""
        found: str | None = name
        for step in self.steps:
            if not step.is_relation and not step.of and step.path == (found,) and step.op in ("rename", "remove"):
                found = step.to or None
        return found

    def _moved(self, before: Mapping[str, Any], of: str, *, fills: bool) -> Json:
        state = dict(before)
        for step in self.steps:
            if not step.is_relation and step.of in ("", of) and (fills or step.op != "default"):
                _take(step, state)
        return state


def _take(step: Step, state: Json) -> None:
    holder = state
    for name in step.path[:-1]:
        inner = holder.get(name)
        if not isinstance(inner, dict):
            if step.op != "default":
                return
            inner = {}
        # What is shared with the state before must not change.
        holder[name] = holder = dict(inner)
    name = step.path[-1]
    if step.op == "default":
        holder.setdefault(name, step.value)
    elif name in holder:
        value = holder.pop(name)
        if step.op == "rename":
            holder[step.to] = value
        elif step.convert is not None:
            holder[name] = _converted(step.convert, value, step)


def _converted(convert: Convert, value: Any, step: Step) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except Unconvertible as error:
        raise Misfit("/".join(step.path), str(error)) from None


def read_steps(told: Any, pointer: str, before: TwinType, after: TwinType) -> tuple[Steps, list[Problem]]:
    """The steps between two versions, and what is wrong with them, with pointers below `pointer`."""
    if not isinstance(told, list) or len(told) > MOST_STEPS:
        return Steps(), [Problem(pointer, "wrong_type", f"must be a list of at most {MOST_STEPS} steps")]
    names = {*before.properties, *before.components}
    relations = set(before.relationships)
    steps: list[Step] = []
    problems: list[Problem] = []
    for index, each in enumerate(told):
        try:
            step = _step(each)
            _follow(step, relations if step.is_relation else names, after)
            steps.append(step)
        except Misfit as fault:
            problems.append(Problem(f"{pointer}/{index}{fault.place}", "bad_step", str(fault)))
    return Steps(tuple(steps)), problems


def _step(told: Any) -> Step:
    if not isinstance(told, dict):
        raise Misfit("", "must be an object")
    op = told.get("op")
    if not isinstance(op, str) or op not in _OPTIONS:
        raise Misfit("/op", f"must be one of {', '.join(_OPTIONS)}")
    is_relation = "relation" in told
    kind = "relation" if is_relation else "property"
    path = told.get(kind)
    if not isinstance(path, str) or not 1 <= len(path.split("/")) <= (1 if is_relation else 2) or "" in path.split("/"):
        raise Misfit(f"/{kind}", "must be a name, or component/name")
    options = {name: value for name, value in told.items() if name not in ("op", kind)}
    return Step(
        op=op,
        path=tuple(path.split("/")),
        is_relation=is_relation,
        **_OPTIONS[op](options, is_relation),
        told=told,
    )


def _rename(options: Json, _is_relation: bool) -> Json:
    to = options.get("to")
    if set(options) != {"to"} or not isinstance(to, str) or not to or "/" in to:
        raise Misfit("/to", "rename needs a new name, and nothing more")
    return {"to": to, "of": "", "value": None, "convert": None}


def _remove(options: Json, is_relation: bool) -> Json:
    of = options.get("of", "")
    if set(options) - {"of"} or of not in ("", "desired") or (of and is_relation):
        raise Misfit("/of", "remove may say of: desired, and nothing more")
    return {"to": "", "of": of, "value": None, "convert": None}


def _default(options: Json, is_relation: bool) -> Json:
    if is_relation or set(options) != {"value"} or options["value"] is None:
        raise Misfit("/value", "default needs the value of a property, and nothing more")
    return {"to": "", "of": "properties", "value": options["value"], "convert": None}


def _convert(options: Json, is_relation: bool) -> Json:
    by = options.pop("by", None)
    if is_relation or not isinstance(by, str):
        raise Misfit("/by", "convert needs the name of a function, and a property")
    try:
        return {"to": "", "of": "", "value": None, "convert": conversion(by, options)}
    except Unconvertible as error:
        raise Misfit("/by", str(error)) from None


_OPTIONS: Mapping[str, Callable[[Json, bool], Json]] = {
    "rename": _rename,
    "remove": _remove,
    "default": _default,
    "convert": _convert,
}


def _follow(step: Step, names: set[str], after: TwinType) -> None:
    """What there is after a step; raises Misfit where it is about nothing."""
    head = step.path[0]
    kind = "relation" if step.is_relation else "property"
    if step.op == "default":
        names.add(head)
        value: Any = {step.path[1]: step.value} if len(step.path) > 1 else step.value
        if faults := after.check({head: value}, at=""):
            raise Misfit("/value", f"{faults[0].pointer.removeprefix('/')}: {faults[0].message}")
        return
    if head not in names:
        raise Misfit(f"/{kind}", f"there is no {kind} {head} at this step")
    if len(step.path) > 1 or step.op == "convert" or step.of:
        return
    names.discard(head)
    if step.op == "rename":
        if step.to in names:
            raise Misfit("/to", f"there is a {kind} {step.to} at this step; remove or rename it first")
        names.add(step.to)
