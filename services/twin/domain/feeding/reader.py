"""Reads mapping files: what does not fit the kinds of records or the models is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import yaml

from chassis.documents import Document, FileFault
from services.twin.domain.feeding.columns import TOTALS, Column, columns_of, kinds
from services.twin.domain.feeding.fitting import misfit
from services.twin.domain.feeding.rules import Condition, Feed, FeedRule, Link, Plain, Trust, Value
from services.twin.domain.model_documents import short_name
from services.twin.domain.types import TwinType, Types

_FEED = {"kind", "says", "because", "adds"}
_RULE = {
    "twin",
    "id",
    "at",
    "take",
    "at_most",
    "on_delete",
    "totals",
    "where",
    "source",
    "trust",
    "same",
    "properties",
    "relations",
}
_VALUE = {"from", "where", "otherwise", "codes"}
_LINK = {"id", "each", "twin", "where", "otherwise"}
_WHOLE = ("integer", "quantity")
_SPAN = re.compile(r"([1-9]\d{0,3})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
Choice = TypeVar("Choice")


class FeedFault(FileFault):
    """A mapping that cannot be used."""


def read_feed(body: str, name: str, types: Types) -> Feed:
    """What one file says; raises FeedFault with the name and the line of the fault."""
    return _Reader(name, types).feed(body)


class _Reader(Document):
    def __init__(self, name: str, types: Types) -> None:
        super().__init__(name, FeedFault)
        self._file = name
        self._types = types
        self._kind = ""
        self._columns: Mapping[str, Column] = {}

    def feed(self, body: str) -> Feed:
        root = self.root(body)
        parts = self.parts(root, _FEED)
        self._need(root, parts, "kind", "says")
        self._kind = self._one_of(parts["kind"], {name: name for name in kinds()}, "kind")
        rules = tuple(self._rule(node) for node in self.items(parts["says"]))
        because = self.text(parts["because"]) if "because" in parts else ""
        if not rules and not because:
            raise self.fault(root, "what says nothing of twins needs `because`, the reason")
        return Feed(self._kind, rules, because, self._flag(parts.get("adds")))

    def _rule(self, node: yaml.Node) -> FeedRule:
        parts = self.parts(node, _RULE)
        self._need(node, parts, "twin", "id")
        totals = self._one_of(parts["totals"], {name: name for name in TOTALS}, "totals") if "totals" in parts else ""
        self._columns = columns_of(self._kind, totals)
        model = self._model(parts["twin"])
        source = parts.get("source")
        return FeedRule(
            model=model.name,
            id=self._several(parts["id"]),
            at=self._times(parts.get("at")),
            takes_every=self._choice(parts.get("take"), {"every": True, "newest": False}, "take"),
            at_most_s=self._seconds(parts.get("at_most")),
            deletes=self._choice(parts.get("on_delete"), {"keep": False, "delete": True}, "on_delete"),
            totals=totals,
            where=self._where(parts.get("where")),
            source=self._known(source) if source else None,
            trust=self._trust(parts["trust"]) if "trust" in parts else None,
            values=self._values(model, parts),
            links=tuple(self._link(model, *pair) for pair in self._pairs(parts.get("relations"))),
            place=f"{self._file}:{node.start_mark.line + 1}",
        )

    def _values(self, model: TwinType, parts: Mapping[str, yaml.Node]) -> tuple[Value, ...]:
        same = [(self.text(node), node) for node in self.items(parts.get("same"))]
        pairs = [*same, *self._pairs(parts.get("properties"))]
        values = tuple(self._value(model, name, node) for name, node in pairs)
        names = [value.name for value in values]
        for place, (name, node) in enumerate(pairs):
            if name in names[:place]:
                raise self.fault(node, f"{name} is given twice")
        return values

    def _value(self, model: TwinType, name: str, node: yaml.Node) -> Value:
        if name not in model.properties:
            raise self.fault(node, f"{model.name} has no property {name}; add it to the model first")
        parts = self._parts_of(node, _VALUE, "from")
        schema = model.properties[name].schema
        column = self._known(parts["from"])
        codes = {word: self.text(told) for word, told in self._pairs(parts.get("codes"))} or None
        otherwise = self.text(parts["otherwise"]) if "otherwise" in parts else None
        fault = misfit(schema, column, codes, otherwise)
        if fault:
            raise self.fault(node, f"{model.name}.{name} {fault}")
        return Value(name, schema, column, self._where(parts.get("where")), otherwise, codes)

    def _link(self, model: TwinType, name: str, node: yaml.Node) -> Link:
        relationship = model.relationships.get(name)
        if relationship is None:
            raise self.fault(node, f"{model.name} has no relation {name}; add it to the model first")
        parts = self._parts_of(node, _LINK, "id")
        if ("id" in parts) == ("each" in parts):
            raise self.fault(node, f"{name} needs `id`, the column of its target, or `each`, a list of them")
        target = self._target(name, node, relationship.target, parts.get("twin"))
        where = self._where(parts.get("where"))
        clears = self._choice(parts.get("otherwise"), {"unsaid": False, "none": True}, "otherwise")
        if "id" in parts:
            return Link(name, target, self._several(parts["id"]), False, where, clears)
        column = self._known(parts["each"])
        if column.type != "list":
            raise self.fault(parts["each"], f"{column.name} is no list")
        return Link(name, target, (column,), True, where, clears)

    def _target(self, name: str, node: yaml.Node, dtmi: str | None, given: yaml.Node | None) -> str:
        """The model of a relation's targets: that of the relation, or the given one that is such a one."""
        if given is not None:
            model = self._model(given)
            if dtmi is not None and not self._types.is_a(model.name, dtmi):
                raise self.fault(given, f"{name} leads to a {short_name(dtmi)}, which a {model.name} is not")
            return model.name
        if dtmi is None or short_name(dtmi) not in self._types:
            raise self.fault(node, f"{name} needs `twin`, the model of its targets")
        return short_name(dtmi)

    def _model(self, node: yaml.Node) -> TwinType:
        return self._one_of(node, self._types, "twin")

    def _times(self, node: yaml.Node | None) -> tuple[Column, ...]:
        if node is None:
            return (self._columns["occurred_at"],)
        columns = self._several(node)
        for column in columns:
            if column.type not in ("time", "date"):
                raise self.fault(node, f"{column.name} is no time")
        return columns

    def _seconds(self, node: yaml.Node | None) -> int:
        if node is None:
            return 0
        found = _SPAN.fullmatch(self.text(node))
        if found is None:
            raise self.fault(node, "at_most is a time such as 10s, 1m or 1h")
        return int(found[1]) * _SECONDS[found[2]]

    def _several(self, node: yaml.Node) -> tuple[Column, ...]:
        """One column, or a list of columns."""
        nodes = [node] if isinstance(node, yaml.ScalarNode) else self.items(node)
        if not nodes:
            raise self.fault(node, "a column was expected")
        return tuple(self._known(each) for each in nodes)

    def _known(self, node: yaml.Node) -> Column:
        return self._column(self.text(node), node)

    def _column(self, name: str, node: yaml.Node) -> Column:
        column = self._columns.get(name)
        if column is None:
            raise self.fault(node, f"{self._kind} has no column {name}")
        if column.is_personal:
            raise self.fault(node, f"{name} is {column.data_class} data: no twin may hold it (C-06)")
        return column

    def _where(self, node: yaml.Node | None) -> tuple[Condition, ...]:
        return tuple(self._condition(name, told) for name, told in self._pairs(node))

    def _condition(self, name: str, node: yaml.Node) -> Condition:
        column = self._column(name, node)
        if not isinstance(node, yaml.MappingNode):
            return Condition(column, self._plains(column, node))
        parts = self.parts(node, {"not", "ends"})
        if len(parts) != 1:
            raise self.fault(node, "a condition is a value, a list of values, {not: ...} or {ends: ...}")
        if "not" in parts:
            return Condition(column, self._plains(column, parts["not"]), is_negated=True)
        if not column.is_text or not self.text(parts["ends"]):
            raise self.fault(node, f"{name} is no text with an ending")
        return Condition(column, ending=self.text(parts["ends"]))

    def _plains(self, column: Column, node: yaml.Node) -> tuple[Plain, ...]:
        nodes = [node] if isinstance(node, yaml.ScalarNode) else self.items(node)
        return tuple(self._plain(column, each) for each in nodes)

    def _plain(self, column: Column, node: yaml.Node) -> Plain:
        text = self.text(node)
        if node.tag == "tag:yaml.org,2002:null":
            return None
        if column.type == "flag":
            return self._one_of(node, {"true": True, "false": False}, column.name)
        if column.type in _WHOLE:
            if not text.removeprefix("-").isdecimal():
                raise self.fault(node, f"{column.name} is a whole number")
            return int(text)
        if column.values and text not in column.values:
            raise self.fault(node, f"{column.name} must be one of {', '.join(column.values)}")
        if not column.is_text:
            raise self.fault(node, f"{column.name} can only be asked whether it is null")
        return text

    def _trust(self, node: yaml.Node) -> Trust:
        parts = self.parts(node, {"from", "codes"})
        self._need(node, parts, "from", "codes")
        column = self._known(parts["from"])
        return Trust(column, {word: self._share(told) for word, told in self.pairs(parts["codes"])})

    def _share(self, node: yaml.Node) -> float:
        try:
            share = float(self.text(node))
        except ValueError:
            share = -1.0
        if not 0.0 < share <= 1.0:
            raise self.fault(node, "trust is a number above 0 and up to 1")
        return share

    def _parts_of(self, node: yaml.Node, allowed: set[str], short: str) -> dict[str, yaml.Node]:
        """The parts of a value, or of a column (or list of columns) that stands for `short`."""
        if not isinstance(node, yaml.MappingNode):
            return {short: node}
        parts = self.parts(node, allowed)
        if short == "from":
            self._need(node, parts, short)
        return parts

    def _pairs(self, node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
        return [] if node is None else self.pairs(node)

    def _flag(self, node: yaml.Node | None) -> bool:
        return self._choice(node, {"false": False, "true": True}, "adds")

    def _choice(self, node: yaml.Node | None, choices: Mapping[str, Choice], what: str) -> Choice:
        """The choice that is named; the first where none is."""
        return next(iter(choices.values())) if node is None else self._one_of(node, choices, what)

    def _one_of(self, node: yaml.Node, choices: Mapping[str, Choice], what: str) -> Choice:
        text = self.text(node)
        if text not in choices:
            raise self.fault(node, f"{what} must be one of {', '.join(choices)}")
        return choices[text]

    def _need(self, node: yaml.Node, parts: Mapping[str, yaml.Node], *names: str) -> None:
        for name in names:
            if name not in parts:
                raise self.fault(node, f"{name} is missing")
