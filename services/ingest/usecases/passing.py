"""One pass: several bodies of one source and kind are decoded, mapped and cleaned together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import Invalid, Problem
from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.clean import CleanedTogether, clean_together
from services.ingest.domain.cleaning.mapping import Mapping, to_canonical
from services.ingest.domain.decode import Decoded, Malformed, Read, form, join, read_each, shifted
from services.ingest.usecases.arrival import Arrival
from services.ingest.usecases.ports import FrontDoor

Failed = list[tuple[Arrival, Exception]]


@dataclass(frozen=True, slots=True)
class Passed:
    """Bodies that were cleaned together, and what came out."""

    arrivals: Sequence[Arrival]
    cleaned: CleanedTogether


def pass_over(door: FrontDoor, arrivals: Sequence[Arrival]) -> tuple[list[Passed], Failed]:
    """Cleans bodies of one source and kind, those with the same fields together; a bad body fails alone."""
    failed: Failed = []
    by_form: dict[tuple[str, ...], list[tuple[Arrival, Read]]] = {}
    bodies = [(arrival.body.content, arrival.body.content_type) for arrival in arrivals]
    for arrival, found in zip(arrivals, read_each(bodies, door.limits), strict=True):
        if isinstance(found, Malformed):
            failed.append((arrival, _invalid(found)))
            continue
        placed = shifted(found, arrival.body.first_line) if isinstance(found, Decoded) else found
        by_form.setdefault(form(placed), []).append((arrival, placed))
    passed: list[Passed] = []
    for group in by_form.values():
        _pass(door, group, passed, failed)
    return passed, failed


def _invalid(error: Malformed) -> Invalid:
    code = error.code if error.code in ("too_large", "unsupported_type") else "malformed"
    return Invalid(error.message, code=code, errors=[Problem(error.pointer, error.code, error.message)])


def _pass(door: FrontDoor, group: Sequence[tuple[Arrival, Read]], passed: list[Passed], failed: Failed) -> None:
    try:
        passed.append(_cleaned(door, group))
    except Exception as error:  # each caller hears of its own body, and only of that
        if len(group) == 1:
            failed.append((group[0][0], error))
            return
        for one in group:
            _pass(door, [one], passed, failed)


def _cleaned(door: FrontDoor, group: Sequence[tuple[Arrival, Read]]) -> Passed:
    arrivals = [arrival for arrival, _ in group]
    kind, source = arrivals[0].kind, arrivals[0].source
    mapping = door.mappings.get((source, kind.name))
    raw = to_canonical(join([found for _, found in group]), kind, mapping)
    known = _rules_of(door, mapping, arrivals)
    return Passed(arrivals, clean_together(raw, kind, known, [arrival.stamp for arrival in arrivals]))


def _rules_of(door: FrontDoor, mapping: Mapping | None, arrivals: Sequence[Arrival]) -> Door:
    last = arrivals[-1]
    known = Door(
        now=last.at,
        directory=door.directory,
        regions=door.regions,
        tokens=door.tokens,
        source=last.source,
        withdrawn=door.forgotten.withdrawn if door.forgotten.has_withdrawals else None,
    )
    return known if mapping is None else mapping.habits(known, door.newest.of(last.source, last.kind.name))
