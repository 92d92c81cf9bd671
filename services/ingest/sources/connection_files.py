"""Connection files: one YAML file per connection, read at start; a wrong one is refused with file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from chassis.documents import Document, FileFault, yaml_files
from services.ingest.domain.kinds import KINDS
from services.ingest.sources.connection import Connection, Connector, Option
from services.ingest.sources.connectors import CONNECTORS
from services.ingest.sources.mapping_files import SOURCE_NAME

CONNECTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_KEYS = {"connection", "type", "source", "kind", "options"}
_FLAGS = {"true": True, "false": False}


class ConnectionFault(FileFault):
    """A connection file that cannot be used."""


def load_connections(
    folder: Path | None,
    *,
    connectors: Mapping[str, Connector] = CONNECTORS,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Connection]:
    """Connections by name of all `*.yaml` files below a folder."""
    found: dict[str, Connection] = {}
    for path in yaml_files(folder):
        connection = read_connection(path.read_bytes(), path.name, connectors=connectors, environ=environ)
        if connection.name in found:
            raise ConnectionFault(f"{path.name}:1: there is another connection {connection.name}")
        found[connection.name] = connection
    return found


def read_connection(
    body: bytes, name: str, *, connectors: Mapping[str, Connector] = CONNECTORS, environ: Mapping[str, str]
) -> Connection:
    """One connection; raises ConnectionFault with the name and the line of the fault."""
    return _Reader(name, connectors, environ).connection(body)


class _Reader(Document):
    def __init__(self, name: str, connectors: Mapping[str, Connector], environ: Mapping[str, str]) -> None:
        super().__init__(name, ConnectionFault)
        self._connectors = connectors
        self._environ = environ
        self._read: dict[str, Callable[[str, Option, yaml.Node], Any]] = {
            "text": self._one_text,
            "whole": self._number,
            "number": self._number,
            "flag": self._flag,
            "secret": lambda name, _, node: self._secret(name, node),
            "texts": lambda name, option, node: [self._one_text(name, option, item) for item in self._some(name, node)],
            "secrets": lambda name, _, node: [self._secret(name, item) for item in self._some(name, node)],
            "table": lambda name, option, node: {
                key: self._one_text(name, option, value) for key, value in self.pairs(node)
            },
            "group": lambda _, option, node: self._options(option.parts, node, node),
            "groups": lambda name, option, node: [
                self._options(option.parts, item, item) for item in self._some(name, node)
            ],
        }

    def connection(self, body: bytes) -> Connection:
        try:
            root = self.root(body.decode())
        except UnicodeDecodeError as error:
            raise self.fault_at(body.count(b"\n", 0, error.start) + 1, "the file is not UTF-8") from None
        parts = self.parts(root, _KEYS)
        for required in ("connection", "type", "source", "kind"):
            if required not in parts:
                raise self.fault(root, f"{required} is missing")
        connector = self._chosen(parts["type"], "type", self._connectors)
        kind = self._chosen(parts["kind"], "kind", KINDS)
        options = self._options(connector.options, parts.get("options"), root)
        self._check_together(connector, options, parts.get("options", root))
        return Connection(
            name=self._named(parts["connection"], "connection", CONNECTION_NAME),
            type=connector.type,
            source=self._named(parts["source"], "source", SOURCE_NAME),
            kind=kind.name,
            options=options,
        )

    def _chosen(self, node: yaml.Node, what: str, known: Mapping[str, Any]) -> Any:
        if self.text(node) not in known:
            raise self.fault(node, f"{what} must be one of {', '.join(known)}")
        return known[self.text(node)]

    def _named(self, node: yaml.Node, what: str, form: re.Pattern[str]) -> str:
        name = self.text(node)
        if not form.fullmatch(name):
            raise self.fault(node, f"{what} begins with a letter and has small letters, digits and _")
        return name

    def _options(self, known: Mapping[str, Option], node: yaml.Node | None, above: yaml.Node) -> dict[str, Any]:
        given = self.parts(node, set(known)) if node is not None else {}
        for name, option in known.items():
            if option.required and name not in given:
                raise self.fault(node or above, f"{name} is missing: {option.doc}")
        return {
            name: self._value(name, option, given[name]) if name in given else option.default
            for name, option in known.items()
        }

    def _value(self, name: str, option: Option, node: yaml.Node) -> Any:
        value = self._read[option.type](name, option, node)
        problem = option.check(value) if option.check else ""
        if problem:
            raise self.fault(node, f"{name} {problem}")
        return value

    def _check_together(self, connector: Connector, options: dict[str, Any], node: yaml.Node) -> None:
        found = connector.check(options) if connector.check else None
        if found is not None:
            given = dict(self.pairs(node))
            raise self.fault(given.get(found[0], node), f"{found[0]} {found[1]}")

    def _some(self, name: str, node: yaml.Node) -> list[yaml.Node]:
        items = self.items(node)
        if not items:
            raise self.fault(node, f"{name} must not be empty")
        return items

    def _one_text(self, name: str, option: Option, node: yaml.Node) -> str:
        text = self.text(node)
        if not text or "\0" in text:
            raise self.fault(node, f"{name} must not be empty")
        if option.values and text not in option.values:
            raise self.fault(node, f"{name} must be one of {', '.join(option.values)}")
        if _PASSWORD_IN_ADDRESS.search(text):
            raise self.fault(node, f"{name} holds a password; name an environment variable instead")
        return text

    def _number(self, name: str, option: Option, node: yaml.Node) -> int | float:
        try:
            value = int(self.text(node)) if option.type == "whole" else float(self.text(node))
        except ValueError:
            raise self.fault(node, f"{name} must be a {'whole ' * (option.type == 'whole')}number") from None
        low, high = option.minimum, option.maximum
        if not (low is None or value >= low) or not (high is None or value <= high):
            bounds = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
            raise self.fault(node, f"{name} must be {' and '.join(filter(None, bounds))}")
        return value

    def _flag(self, name: str, _: Option, node: yaml.Node) -> bool:
        value = _FLAGS.get(self.text(node).lower())
        if value is None:
            raise self.fault(node, f"{name} must be true or false")
        return value

    def _secret(self, name: str, node: yaml.Node) -> SecretStr:
        variable = self.text(node)
        if not _VARIABLE.fullmatch(variable):
            # The text is not repeated: it may be the secret itself.
            raise self.fault(node, f"{name} must be the name of an environment variable such as ERP_KEY")
        if not self._environ.get(variable):
            raise self.fault(node, f"{name}: the environment variable {variable} is not set")
        return SecretStr(self._environ[variable])
