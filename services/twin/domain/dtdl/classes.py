"""The @type of an element: its class, and the co-types beside it."""

from __future__ import annotations

from dataclasses import dataclass

from .context import ActiveContext
from .dtmi import is_dtmi
from .extensions import RESERVED_UNIT_TERMS, Cotype
from .faults import Rule, Spot
from .jsontext import Json
from .language import MATERIAL, PROPERTIES, RESERVED_TERMS_OF_2, STANDARD_SCHEMAS, Member

_ENOUGH = 100


@dataclass(frozen=True, slots=True)
class Classified:
    """Class and co-types; an element with undefined types may have members that nobody here knows."""

    class_name: str
    cotypes: tuple[Cotype, ...] = ()
    undefined: tuple[str, ...] = ()


def classify(value: dict[str, Json], slot: Member, context: ActiveContext, spot: Spot) -> Classified | None:
    """The class of an element where `slot` says what may stand; None after a fault that leaves it without class."""
    if context.version not in slot.versions:
        spot.fault(Rule.ELEMENT_CLASS, f"an element of DTDL version {context.version} may not stand here")
        return None
    if "@type" not in value:
        if slot.implied is None:
            spot.fault(Rule.TYPE_MISSING, f"needs '@type', one of {_listed(slot)}")
            return None
        return Classified(slot.implied)
    place = spot.at("@type")
    names = _names(value["@type"], place)
    if names is None:
        return None
    class_name = _class_of(names, slot, context, place)
    if class_name is None:
        return None
    return _with_cotypes(class_name, names, context, place)


def _listed(slot: Member) -> str:
    return ", ".join(sorted(slot.classes))


def _names(value: Json, spot: Spot) -> list[str] | None:
    names = value if isinstance(value, list) else [value]
    strings = [name for name in names if isinstance(name, str)]
    if len(strings) == len(names):
        return strings
    spot.fault(Rule.TYPE_SHAPE, "must be a string or an array of strings")
    return None


def _class_of(names: list[str], slot: Member, context: ActiveContext, spot: Spot) -> str | None:
    material = MATERIAL[context.version]
    classes = {material[name] for name in names if name in material}
    fitting = classes & slot.classes
    # An extension that is not known here could make a class a co-type too.
    if len(fitting) == 1 and (len(classes) == 1 or context.undefined):
        return fitting.pop()
    if len(classes) > 1:
        spot.fault(Rule.TYPE_SEVERAL, f"names more than one class: {', '.join(sorted(classes))}")
    elif classes:
        spot.fault(Rule.ELEMENT_CLASS, f"{classes.pop()} may not stand here, only {_listed(slot)}")
    else:
        spot.fault(Rule.TYPE_MATERIAL, f"must include one of {_listed(slot)}")
    return None


def _with_cotypes(class_name: str, names: list[str], context: ActiveContext, spot: Spot) -> Classified:
    cotypes: dict[str, Cotype] = {}
    undefined = []
    strangers = 0
    for name in dict.fromkeys(names):
        if strangers > _ENOUGH:
            break
        if MATERIAL[context.version].get(name) == class_name:
            continue
        cotype = context.cotype(name)
        if cotype is not None:
            cotypes[cotype.dtmi] = cotype
            _check_cotype(cotype, class_name, context.version, spot)
        elif _may_be_undefined(name, context, spot):
            undefined.append(name)
        else:
            strangers += 1
    return Classified(class_name, tuple(cotypes.values()), tuple(undefined))


def _check_cotype(cotype: Cotype, class_name: str, version: int, spot: Spot) -> None:
    if cotype.is_abstract:
        spot.fault(Rule.COTYPE_ABSTRACT, f"{cotype.term} is abstract; name one of its types")
    elif class_name not in cotype.classes or version not in cotype.versions:
        allowed = ", ".join(sorted(cotype.classes))
        spot.fault(Rule.COTYPE_CLASS, f"{cotype.term} cannot stand on {class_name}, only on {allowed}")


def _may_be_undefined(name: str, context: ActiveContext, spot: Spot) -> bool:
    """Whether the type could come from an extension that is not known here (v2: or from nowhere at all)."""
    if name.startswith("dtmi:"):
        if not is_dtmi(name, context.version):
            spot.fault(Rule.TYPE_INVALID_DTMI, f"{name[:200]!r} is not a DTMI")
            return False
    elif ":" in name:
        if context.version == 2:
            return True
        spot.fault(Rule.TYPE_NOT_TERM, f"{name[:200]!r} is neither a term nor a DTMI")
        return False
    elif context.version == 2 and not _is_reserved_in_2(name):
        return True
    if context.undefined:
        return True
    spot.fault(Rule.TYPE_UNDEFINED, f"no extension of the context defines {name[:200]!r} here")
    return False


def _is_reserved_in_2(name: str) -> bool:
    tables = (PROPERTIES[2], STANDARD_SCHEMAS[2], RESERVED_TERMS_OF_2, RESERVED_UNIT_TERMS)
    return any(name in table for table in tables)
