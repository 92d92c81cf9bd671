"""Connection files: what they say, and how a wrong one is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.ingest.sources import Connection, ConnectionFault, load_connections
from services.ingest.sources.connection import Connector, Option
from services.ingest.sources.connection_files import read_connection
from services.ingest.sources.connectors import CONNECTORS

CONNECTOR = Connector(
    type="till",
    doc="A till.",
    options={
        "url": Option(type="text", required=True, doc="Where it is."),
        "mode": Option(type="text", values=("slow", "fast"), default="slow", doc="How."),
        "every_s": Option(type="number", minimum=0.1, maximum=60, default=5.0, doc="Pause."),
        "page": Option(type="whole", minimum=1, default=100, doc="Records a page."),
        "careful": Option(type="flag", default=False, doc="Whether."),
        "key": Option(type="secret", doc="Its key."),
        "keys": Option(type="secrets", doc="Several."),
        "headers": Option(type="table", doc="More."),
        "tags": Option(type="groups", parts={"node": Option(type="text", required=True, doc="Node.")}, doc="Tags."),
        "login": Option(type="group", parts={"user": Option(type="text", required=True, doc="Who.")}, doc="Login."),
        "hosts": Option(type="texts", check=lambda hosts: "names a host twice" if len(hosts) > 1 else "", doc="Hosts."),
    },
    run=None,
    check=lambda options: ("key", "does not go with keys") if options["key"] and options["keys"] else None,
)
WHOLE = """connection: shop_till
type: till
source: till
kind: pos_sale
options:
  url: https://till.example/api
  mode: fast
  every_s: 0.5
  careful: true
  keys: [TILL_KEY]
  headers: {X-Shop: "12"}
  tags:
    - {node: ns=2;i=1}
  login: {user: me}
"""
ENVIRON = {"TILL_KEY": "a secret of the till", "EMPTY": ""}


def _read(text: str) -> Connection:
    return read_connection(text.encode(), "till.yaml", connectors={"till": CONNECTOR}, environ=ENVIRON)


def test_a_connection_has_its_options_with_defaults_and_hidden_secrets():
    connection = _read(WHOLE)

    options = connection.options
    assert (connection.name, connection.type, connection.source, connection.kind) == (
        "shop_till",
        "till",
        "till",
        "pos_sale",
    )
    assert (options["url"], options["mode"], options["every_s"]) == ("https://till.example/api", "fast", 0.5)
    assert (options["page"], options["careful"], options["key"]) == (100, True, None)
    assert (options["headers"], options["tags"]) == ({"X-Shop": "12"}, [{"node": "ns=2;i=1"}])
    assert options["login"] == {"user": "me"}
    assert options["keys"][0].get_secret_value() == "a secret of the till"
    assert "a secret of the till" not in repr(connection)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("connection: shop_till", "connection: Shop", "till.yaml:1: connection begins with a letter"),
        ("type: till", "type: mainframe", "till.yaml:2: type must be one of till"),
        ("source: till", "source: Till", "till.yaml:3: source begins with a letter"),
        ("kind: pos_sale", "kind: pos_sales", "till.yaml:4: kind must be one of"),
        ("source: till\n", "", "till.yaml:1: source is missing"),
        ("  url: https://till.example/api\n", "", "till.yaml:6: url is missing: Where it is."),
        ("mode: fast", "mode: quick", "till.yaml:7: mode must be one of slow, fast"),
        ("every_s: 0.5", "every_s: 0", "till.yaml:8: every_s must be at least 0.1 and at most 60"),
        ("every_s: 0.5", "every_s: nan", "till.yaml:8: every_s must be at least 0.1 and at most 60"),
        ("every_s: 0.5", "every_s: soon", "till.yaml:8: every_s must be a number"),
        ("every_s: 0.5", "page: 1.5", "till.yaml:8: page must be a whole number"),
        ("careful: true", "careful: maybe", "till.yaml:9: careful must be true or false"),
        ("careful: true", "carefull: true", "till.yaml:9: carefull is not known here"),
        ("keys: [TILL_KEY]", "keys: [TILL]", "till.yaml:10: keys: the environment variable TILL is not set"),
        ("keys: [TILL_KEY]", "keys: [EMPTY]", "till.yaml:10: keys: the environment variable EMPTY is not set"),
        ("keys: [TILL_KEY]", "keys: []", "till.yaml:10: keys must not be empty"),
        ("keys: [TILL_KEY]", "keys: TILL_KEY", "till.yaml:10: a list was expected"),
        ("keys: [TILL_KEY]", "keys: [TILL_KEY]\n  key: TILL_KEY", "till.yaml:11: key does not go with keys"),
        ("{node: ns=2;i=1}", "{nod: ns=2;i=1}", "till.yaml:13: nod is not known here; use node"),
        ("{node: ns=2;i=1}", "{}", "till.yaml:13: node is missing: Node."),
        ("login: {user: me}", "login: me", "till.yaml:14: names with values were expected"),
        ("login: {user: me}", "hosts: [a, b]", "till.yaml:14: hosts names a host twice"),
        ("url: https://till", "url: https://me:pass@till", "till.yaml:6: url holds a password"),
        ("url: https://till.example/api", "url: ''", "till.yaml:6: url must not be empty"),
        ("  mode: fast", "  url: twice", "till.yaml:7: url is given twice"),
        ("  mode: fast", "\tmode: fast", "till.yaml:7: "),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(old: str, new: str, expected: str):
    assert old in WHOLE

    with pytest.raises(ConnectionFault) as refused:
        _read(WHOLE.replace(old, new, 1))

    assert str(refused.value).startswith(expected)


def test_a_secret_written_into_the_file_is_refused_and_not_repeated():
    with pytest.raises(ConnectionFault) as refused:
        _read(WHOLE.replace("[TILL_KEY]", "[s3cr3t-of-the-till]"))

    assert str(refused.value) == "till.yaml:10: keys must be the name of an environment variable such as ERP_KEY"


def test_a_file_in_another_charset_is_refused_with_its_line():
    with pytest.raises(ConnectionFault, match=r"till\.yaml:2: the file is not UTF-8"):
        read_connection("connection: a\ntype: 收银".encode("gbk"), "till.yaml", environ={})


def test_two_files_may_not_name_one_connection(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(WHOLE, encoding="utf-8")

    with pytest.raises(ConnectionFault, match=r"b\.yaml:1: there is another connection shop_till"):
        load_connections(tmp_path, connectors={"till": CONNECTOR}, environ=ENVIRON)


def test_a_mounted_config_map_holds_each_file_once(tmp_path: Path):
    hidden = tmp_path / "..2025_03_14"
    hidden.mkdir()
    (hidden / "till.yaml").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "..data").symlink_to(hidden.name)
    (tmp_path / "till.yaml").symlink_to("..data/till.yaml")

    found = load_connections(tmp_path, connectors={"till": CONNECTOR}, environ=ENVIRON)

    assert list(found) == ["shop_till"]


def test_without_a_folder_there_are_no_connections():
    assert load_connections(None) == {}


def test_every_example_of_the_document_is_a_sound_connection():
    text = (Path(__file__).parents[2] / "docs" / "connections.md").read_text(encoding="utf-8")
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "type: ..." not in block]
    environ = dict.fromkeys(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text), "a secret of sixteen letters")

    types = [read_connection(block.encode(), "example.yaml", environ=environ).type for block in examples]

    assert {"file_drop", "rest_pull", "webhook", "postgres"} <= set(types)
    assert set(CONNECTORS) == set(types)


def test_every_option_is_in_the_document():
    text = (Path(__file__).parents[2] / "docs" / "connections.md").read_text(encoding="utf-8")

    named = set(re.findall(r"`(\w+)`", text)) | set(re.findall(r"\b(\w+): ", text))

    assert {name for each in CONNECTORS.values() for name in each.options} - named == set()
