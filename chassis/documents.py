"""YAML files that a customer writes: what is wrong in one is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import yaml


class FileFault(Exception):
    """A file that cannot be used: `FILE:LINE: what to change`."""


class Document:
    """One YAML file; every fault names its line."""

    def __init__(self, name: str, fault: type[FileFault] = FileFault) -> None:
        self._name = name
        self._fault_type = fault

    def root(self, body: str) -> yaml.Node:
        """The outermost node; raises a fault for what is no YAML and for an empty file."""
        try:
            root = yaml.compose(body, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self.fault_at(line, error.problem or "the file is not YAML") from None
        except yaml.YAMLError:
            raise self.fault_at(1, "the file is not YAML") from None
        if root is None:
            raise self.fault_at(1, "the file is empty")
        return root

    def parts(self, node: yaml.Node, allowed: set[str]) -> dict[str, yaml.Node]:
        """The values by name; raises a fault for a name that is not allowed."""
        parts = dict(self.pairs(node))
        for name, value in parts.items():
            if name not in allowed:
                raise self.fault(value, f"{name} is not known here; use {', '.join(sorted(allowed))}")
        return parts

    def pairs(self, node: yaml.Node) -> list[tuple[str, yaml.Node]]:
        """Names with values, in order; raises a fault for a name given twice."""
        if not isinstance(node, yaml.MappingNode):
            raise self.fault(node, "names with values were expected")
        pairs = [(self.text(key), value) for key, value in node.value]
        names = [name for name, _ in pairs]
        for place, (name, value) in enumerate(pairs):
            if name in names[:place]:
                raise self.fault(value, f"{name} is given twice")
        return pairs

    def items(self, node: yaml.Node | None) -> list[yaml.Node]:
        """The values of a list; none without a node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.fault(node, "a list was expected")
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        """One value as it is written."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.fault(node, "one value was expected")
        return str(node.value)

    def fault(self, node: yaml.Node, message: str) -> FileFault:
        """A fault at the line of a node."""
        return self.fault_at(node.start_mark.line + 1, message)

    def fault_at(self, line: int, message: str) -> FileFault:
        return self._fault_type(f"{self._name}:{line}: {message}")


def yaml_files(folder: Path | None) -> list[Path]:
    """All `*.yaml` files below a folder, in order of their paths, without hidden ones.

    A mounted ConfigMap keeps each file a second time, in a hidden folder.
    """
    found = sorted(folder.rglob("*.yaml")) if folder else []
    return [path for path in found if folder and not _is_hidden(path.relative_to(folder))]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
