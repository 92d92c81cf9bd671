"""Documents to nodes: elements are read one after another from a queue, however deep they lie."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .classes import classify
from .context import ActiveContext, combine
from .dtmi import LONGEST_OF_INTERFACE, is_dtmi, is_reserved
from .faults import FaultLog, Rule, Spot
from .jsontext import Json, JsonObject, check_value_is_json, object_spans, read_text
from .language import INTERFACE_BYTES, Kind, Member
from .members import read_members
from .nodes import Graph, Link, Node
from .options import Options

_TOP_LEVEL = {
    version: Member(kind=Kind.ELEMENT, classes=frozenset({"Interface"}), versions=(version,)) for version in (2, 3)
}


@dataclass(slots=True)
class _Pending:
    value: dict[str, Json]
    spot: Spot
    link: Link | None = None
    parent: Node | None = None


class Reader:
    """Reads documents into one graph; what is wrong goes to the log."""

    def __init__(self, options: Options, log: FaultLog) -> None:
        self.graph = Graph()
        self._options = options
        self._log = log
        self._queue: deque[_Pending] = deque()
        self._documents = 0

    def read(self, source: object) -> None:
        """One document: a JSON text, or a value that was read from one."""
        spot = Spot(self._log, self._documents)
        self._documents += 1
        known = len(self.graph.interfaces)
        if isinstance(source, str | bytes):
            read = read_text(source, spot, deepest=self._options.deepest, largest=self._options.most_bytes)
            if read is not None:
                self._read_root(read[0], spot)
                self._check_sizes(read[1], self.graph.interfaces[known:])
        elif check_value_is_json(source, spot, deepest=self._options.deepest):
            self._read_root(source, spot)

    def _read_root(self, value: object, spot: Spot) -> None:
        items = value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            place = spot.at(index) if isinstance(value, list) else spot
            if isinstance(item, dict):
                self._queue.append(_Pending(item, place))
            else:
                place.fault(Rule.ROOT_SHAPE, "a document is an object or an array of objects")
        while self._queue and not self._log.is_full:
            self._read_element(self._queue.popleft())
        self._queue.clear()

    def _read_element(self, pending: _Pending) -> None:
        outer = pending.parent.context if pending.parent else None
        context = self._context(pending, outer)
        if context is None:
            return
        slot = pending.link.shape if pending.link else _TOP_LEVEL[context.version]
        found = pending.value.get("@id")
        enclosing = pending.parent.spot.element_id if pending.parent else None
        spot = pending.spot.within(found if isinstance(found, str) else enclosing)
        classified = classify(pending.value, slot, context, spot)
        if classified is None:
            return
        identifier = self._identifier(pending.value, slot, classified.class_name, context.version, spot)
        node = Node(
            classified.class_name,
            context,
            spot,
            identifier,
            pending.parent,
            pending.value,
            classified.cotypes,
            classified.undefined,
        )
        self.graph.add(node)
        if pending.link is not None:
            pending.link.target = node
        read_members(node, self._pend)

    def _pend(self, value: dict[str, Json], link: Link, parent: Node) -> None:
        self._queue.append(_Pending(value, link.spot, link, parent))

    def _context(self, pending: _Pending, outer: ActiveContext | None) -> ActiveContext | None:
        if "@context" not in pending.value:
            if outer is None:
                pending.spot.fault(Rule.CONTEXT_MISSING, "a top-level element needs '@context'")
            return outer
        return combine(
            outer,
            pending.value["@context"],
            pending.spot.at("@context"),
            versions=self._options.versions,
            allow_undefined=self._options.allow_undefined_extensions,
        )

    def _identifier(
        self, value: dict[str, Json], slot: Member, class_name: str, version: int, spot: Spot
    ) -> str | None:
        if "@id" not in value:
            if slot.needs_id or class_name == "Interface":
                spot.fault(Rule.ID_MISSING, f"{class_name} needs '@id' here")
            return None
        identifier = value["@id"]
        place = spot.at("@id")
        if not isinstance(identifier, str):
            place.fault(Rule.ID_SHAPE, "must be a string")
            return None
        if not self._is_fit(identifier, class_name, version, place):
            return None
        if identifier in self.graph.by_id:
            place.fault(Rule.ID_DUPLICATE, "another element of the model has the same '@id'")
        return identifier

    @staticmethod
    def _is_fit(identifier: str, class_name: str, version: int, place: Spot) -> bool:
        if len(identifier) > LONGEST_OF_INTERFACE and class_name == "Interface":
            place.fault(Rule.ID_LENGTH, f"the '@id' of an Interface has at most {LONGEST_OF_INTERFACE} characters")
        elif len(identifier) > 2048:
            place.fault(Rule.ID_LENGTH, "an '@id' has at most 2048 characters")
        elif not is_dtmi(identifier, version):
            place.fault(Rule.ID_SYNTAX, f"{identifier[:200]!r} is not a DTMI of DTDL version {version}")
        elif is_reserved(identifier):
            place.fault(Rule.ID_RESERVED, "begins with a prefix that the language keeps for itself")
        else:
            return True
        return False

    @staticmethod
    def _check_sizes(content: bytes, interfaces: list[Node]) -> None:
        """Bytes of each Interface without those inside it; a text below the limit has no Interface above it."""
        if len(content) <= INTERFACE_BYTES:
            return
        spans = object_spans(content)
        sizes = {}
        for node in interfaces:
            if node.version == 3 and isinstance(node.source, JsonObject):
                first, last = spans[node.source.order]
                sizes[id(node)] = last - first
        for node in interfaces:
            outer = node.parent.partition if node.parent else None
            if outer is not None and id(outer) in sizes:
                first, last = spans[node.source.order] if isinstance(node.source, JsonObject) else (0, 0)
                sizes[id(outer)] -= last - first
        for node in interfaces:
            if sizes.get(id(node), 0) > INTERFACE_BYTES:
                node.spot.fault(Rule.INTERFACE_SIZE, f"its text has more than {INTERFACE_BYTES} bytes")
