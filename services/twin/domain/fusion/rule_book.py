"""Which rule holds for a property, now and as it was known at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chassis.errors import Invalid
from services.twin.domain.dtdl import Primitive, Schema
from services.twin.domain.fusion.rule import LATEST, Holds, Rule, read_rule
from services.twin.domain.types import TwinType, Types

_HOLDS: Mapping[str, Holds] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), "integers"),
    **dict.fromkeys(("unsignedByte", "unsignedShort", "unsignedInteger", "unsignedLong"), "integers"),
    **dict.fromkeys(("float", "double", "scaledDecimal"), "numbers"),
    **dict.fromkeys(("string", "decimal"), "texts"),
}


@dataclass(frozen=True, slots=True)
class SetRule:
    """One version of a property's rule, as somebody set it; `told` is None where it was taken back."""

    model: str
    property: str
    version: int
    told: Mapping[str, Any] | None
    known_at: datetime
    set_by: str
    applied_at: datetime | None = None
    """When the shown values of all twins followed it."""


class RuleBook:
    """The rules of all properties; whoever owns it renews it as a whole."""

    def __init__(self, types: Mapping[str, TwinType], rules: Iterable[SetRule] = ()) -> None:
        self.types = types
        self.renew(rules)

    def renew(self, rules: Iterable[SetRule]) -> None:
        """Other rules, or the same after the types changed."""
        self._versions: dict[tuple[str, str], list[SetRule]] = {}
        for each in sorted(rules, key=lambda rule: rule.version):
            self._versions.setdefault((each.model, each.property), []).append(each)
        self._read: dict[tuple[str, str, int, str], Rule] = {}

    def newest(self, model: str, name: str) -> SetRule | None:
        """The rule that was set last for a property, taken back or not."""
        versions = self._versions.get((model, name))
        return versions[-1] if versions else None

    def of_model(self, model: str) -> list[SetRule]:
        """The rules that hold for properties of a model, by name."""
        last = [versions[-1] for (of, _), versions in sorted(self._versions.items()) if of == model]
        return [each for each in last if each.told is not None]

    def set_rule(self, model: str, name: str, known_at: datetime | None = None) -> SetRule | None:
        """The version that holds, or held as far as was known at a time; None where the newest value is shown."""
        versions = self._versions.get((model, name), ())
        known = [each for each in versions if known_at is None or each.known_at <= known_at]
        return known[-1] if known and known[-1].told is not None else None

    def rule(self, model: str, name: str, known_at: datetime | None = None) -> Rule:
        """How a property is fused, or was as far as was known at a time."""
        found = self.set_rule(model, name, known_at)
        # Another version of the type may hold something else.
        kind = self._kind(model, name)
        key = (model, name, found.version if found else 0, kind.dtmi if kind else "")
        rule = self._read.get(key)
        if rule is None:
            rule = self._read[key] = self._rule(kind, name, found)
        return rule

    def _kind(self, model: str, name: str) -> TwinType | None:
        """The version that has the property: the one that counts, or the one that twins are on the way to."""
        kind = self.types.get(model)
        if isinstance(self.types, Types) and (kind is None or name not in kind.properties):
            return self.types.coming.get(model, kind)
        return kind

    def _rule(self, kind: TwinType | None, name: str, found: SetRule | None) -> Rule:
        holds: Holds = holds_of(kind, name) if kind and name in kind.properties else "others"
        if found is None or found.told is None:
            return replace(LATEST, holds=holds)
        try:
            return read_rule(found.told, holds)
        except Invalid:
            # The model changed and the rule no longer fits what the property holds.
            return replace(LATEST, holds=holds)


def holds_of(kind: TwinType, name: str) -> Holds:
    """What a property of a type holds."""
    return _holds(kind.properties[name].schema)


def _holds(schema: Schema) -> Holds:
    return _HOLDS.get(schema.name, "others") if isinstance(schema, Primitive) else "others"
