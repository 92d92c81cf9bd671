"""Folders into which a person drops files: on a machine of one's own, the first source that is not made up."""

from __future__ import annotations

import json
from pathlib import Path

SOURCE = "files"
KINDS = ("retailer", "sku", "commercial_order", "pos_sale")
_CONNECTION = """\
# Reads what is dropped into the folder: CSV, XLSX or Parquet with the columns of the template of the kind.
connection: dropped_{kind}
type: file_drop
source: {source}
kind: {kind}
options:
  folder: {folder}
"""


def drop_folders(home: Path) -> Path:
    """Makes a folder `drop/KIND` for some kinds, and connections that read them; returns the folder of the connections.

    Once the folder of connections is there it belongs to the person: what was changed or removed in it stays so.
    """
    connections = home / "connections"
    is_new = not connections.exists()
    connections.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        folder = home / "drop" / kind
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            text = _CONNECTION.format(kind=kind, source=SOURCE, folder=json.dumps(str(folder)))
            (connections / f"dropped_{kind}.yaml").write_text(text, encoding="utf-8")
    return connections
