"""Texts and values to a checked model: the steps of parsing, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from .building import build
from .cotypes import check_cotypes
from .elements import ModelSet
from .faults import Fault, FaultLog, ModelErrors
from .hierarchy import Budget, check_counts, check_limits, in_order
from .nodes import Graph
from .options import Options
from .reader import Reader
from .references import follow_references, missing_references
from .uniqueness import check_unique

Source: TypeAlias = object
Resolve: TypeAlias = Callable[[Sequence[str]], Iterable[Source]]

_DEFAULT = Options()


def parse(*sources: Source, resolve: Resolve | None = None, options: Options = _DEFAULT) -> ModelSet:
    """The model that the documents make together; raises ModelErrors with every fault.

    A source is a JSON text (str or bytes), a value read from one (dict or list), or a list of texts. `resolve` is
    asked for documents that define identifiers which no document so far defines, until none is missing or none comes.
    """
    graph, faults = _check(sources, resolve, options)
    if faults:
        raise ModelErrors(faults)
    return build(graph)


def validate(*sources: Source, resolve: Resolve | None = None, options: Options = _DEFAULT) -> list[Fault]:
    """What is wrong with the documents, or missing from them; empty when they are a valid model."""
    return _check(sources, resolve, options)[1]


def _check(sources: Iterable[Source], resolve: Resolve | None, options: Options) -> tuple[Graph, list[Fault]]:
    log = FaultLog(options.most_faults)
    reader = Reader(options, log)
    for source in _documents(sources):
        reader.read(source)
    if resolve is not None:
        _resolve(reader, resolve)
    graph = reader.graph
    follow_references(graph)
    ordered = in_order(graph)
    if ordered is not None and graph.interfaces:
        budget = Budget(graph, options.most_steps)
        bounded = check_limits(ordered)
        check_counts(bounded, ordered, budget)
        check_unique(graph, bounded, budget)
        check_cotypes(graph, bounded, budget)
    return graph, log.faults()


def _documents(sources: Iterable[Source]) -> Iterable[Source]:
    for source in sources:
        if isinstance(source, list | tuple) and source and all(isinstance(each, str | bytes) for each in source):
            yield from source
        else:
            yield source


def _resolve(reader: Reader, resolve: Resolve) -> None:
    asked: set[str] = set()
    while wanted := [each for each in missing_references(reader.graph) if each not in asked]:
        asked.update(wanted)
        for source in _documents(resolve(wanted)):
            reader.read(source)
