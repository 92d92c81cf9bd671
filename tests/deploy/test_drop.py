"""Folders into which a person drops files on a machine of one's own."""

from __future__ import annotations

from pathlib import Path

from demo.packs import open_pack
from deploy.drop import KINDS, drop_folders
from deploy.environment import lay_out, service_parts, standin_wecom
from services.ingest.sources.connection_files import load_connections

PACK = Path(__file__).parent / "standins" / "pack"


def test_each_folder_has_a_connection_that_ingest_accepts(tmp_path: Path) -> None:
    home = tmp_path / 'a "home" of: one'

    found = load_connections(drop_folders(home))

    assert {connection.kind for connection in found.values()} == set(KINDS)
    for connection in found.values():
        assert Path(connection.options["folder"]) == home / "drop" / connection.kind
        assert (home / "drop" / connection.kind).is_dir()


def test_what_a_person_changed_or_removed_stays_so(tmp_path: Path) -> None:
    folder = drop_folders(tmp_path)
    (folder / "dropped_sku.yaml").unlink()
    (folder / "dropped_retailer.yaml").write_text("# not now\n")

    drop_folders(tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == [
        "dropped_commercial_order.yaml",
        "dropped_pos_sale.yaml",
        "dropped_retailer.yaml",
    ]
    assert (folder / "dropped_retailer.yaml").read_text() == "# not now\n"


def test_connections_of_an_operator_take_the_place_of_the_folders(tmp_path: Path) -> None:
    own = tmp_path / "own"

    layout = lay_out(tmp_path, open_pack(PACK), {"INGEST_CONNECTIONS": str(own)})

    ingest = next(part for part in service_parts(layout, {}, standin_wecom(layout)) if part.name == "ingest")
    assert ingest.env["INGEST_CONNECTIONS"] == str(own)
    assert layout.drop is None
    assert not (tmp_path / "drop").exists()
