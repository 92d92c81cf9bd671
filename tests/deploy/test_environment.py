"""What the processes of a local stack are told, and the token command."""

from __future__ import annotations

import base64
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from demo.packs import Pack, open_pack
from demo.wecom.settings import StandInSettings
from deploy import run_file, token
from deploy.environment import (
    SERVICES,
    WeComWrong,
    configured_wecom,
    gateway_part,
    lay_out,
    service_parts,
    standin_part,
    standin_wecom,
)
from deploy.keys import secret
from gateway.wecom import CallbackKeys

COMMON = {"MARKETWIN_POSTGRES_URL": "postgresql://here"}
CORP = {
    "WECOM_CORP_ID": "ww1",
    "WECOM_SECRET": "s",
    "WECOM_AGENT_ID": "1",
    "WECOM_TOKEN": "t",
    "WECOM_AES_KEY": "k",
}
# Prints the ports it has chosen and stays until its input ends.
LAYS_OUT = """
import json, sys
from pathlib import Path
from demo.packs import open_pack
from deploy.environment import lay_out

layout = lay_out(Path(sys.argv[1]), open_pack(Path(sys.argv[2])), {})
print(json.dumps([layout.gateway_port, layout.standin_port, *layout.ports.values()]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pack() -> Pack:
    return open_pack(Path(__file__).parent / "standins" / "pack")


def test_every_service_gets_its_own_port_and_the_gateway_gets_them_all(tmp_path: Path, pack: Pack) -> None:
    layout = lay_out(tmp_path, pack, {})
    wecom = standin_wecom(layout)

    services = {part.name: part for part in service_parts(layout, COMMON, wecom)}
    gateway = gateway_part(layout, COMMON, wecom)

    assert list(services) == list(SERVICES)
    for name, part in services.items():
        assert part.env[f"{name.upper()}_PORT"] == str(layout.ports[name])
        assert gateway.env[f"GATEWAY_{name.upper()}_ADDRESS"] == f"127.0.0.1:{layout.ports[name]}"
        assert part.env["MARKETWIN_POSTGRES_URL"] == "postgresql://here"
    assert len({*layout.ports.values(), layout.gateway_port, layout.standin_port}) == 7
    assert services["recommend"].env["RECOMMEND_WECOM_BASE_URL"] == layout.standin_url


def test_a_process_gets_only_the_wecom_secrets_that_it_needs(tmp_path: Path, pack: Pack) -> None:
    layout = lay_out(tmp_path, pack, {})
    wecom = standin_wecom(layout)

    secrets = {
        part.name: {name for name in part.env if "WECOM" in name and part.env[name] != wecom["WECOM_CORP_ID"]}
        for part in [*service_parts(layout, COMMON, wecom), gateway_part(layout, COMMON, wecom)]
    }

    assert secrets.pop("recommend") == {
        "RECOMMEND_WECOM_SECRET",
        "RECOMMEND_WECOM_AGENT_ID",
        "RECOMMEND_WECOM_BASE_URL",
    }
    assert secrets.pop("gateway") == {"GATEWAY_WECOM_TOKEN", "GATEWAY_WECOM_AES_KEY"}
    assert set().union(*secrets.values()) == set()


def test_the_console_port_moves_on_when_it_is_taken(tmp_path: Path, pack: Pack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        layout = lay_out(tmp_path, pack, {"GATEWAY_PORT": str(port)})

    assert layout.gateway_port > port
    assert layout.sign_in_link == f"http://127.0.0.1:{layout.gateway_port}/#/signin?code={layout.sign_in_code}"


def test_two_runs_that_start_together_get_different_ports(tmp_path: Path, pack: Pack) -> None:
    run = [sys.executable, "-c", LAYS_OUT, str(tmp_path / "one"), str(pack.folder)]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        chosen = json.loads(other.stdout.readline())

        layout = lay_out(tmp_path / "two", pack, {"GATEWAY_PORT": str(chosen[0])})

        other.communicate("")
    assert {layout.gateway_port, layout.standin_port, *layout.ports.values()}.isdisjoint(chosen)


def test_a_sign_in_code_is_new_in_every_run_and_the_keys_stay(tmp_path: Path, pack: Pack) -> None:
    first, second = lay_out(tmp_path, pack, {}), lay_out(tmp_path, pack, {})

    assert first.sign_in_code != second.sign_in_code
    assert first.jwt_key == second.jwt_key
    assert len(bytes.fromhex(first.jwt_key)) == 32


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    made, again, other = secret(tmp_path, "one"), secret(tmp_path, "one"), secret(tmp_path, "two")

    assert made == again != other
    assert stat.S_IMODE((tmp_path / "keys" / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_the_stand_in_and_the_gateway_agree_on_the_callback_secrets(tmp_path: Path, pack: Pack) -> None:
    layout = lay_out(tmp_path, pack, {})
    wecom = standin_wecom(layout)

    standin = StandInSettings.read(standin_part(layout, wecom).env)
    door = gateway_part(layout, COMMON, wecom).env
    keys = CallbackKeys.read(
        token=door["GATEWAY_WECOM_TOKEN"],
        encoding_aes_key=door["GATEWAY_WECOM_AES_KEY"],
        receive_id=door["GATEWAY_WECOM_CORP_ID"],
    )

    assert keys.receive_id == standin.corpid
    assert keys.token == standin.token
    assert keys.aes_key == base64.b64decode(f"{standin.encoding_aes_key}=", validate=True)
    assert standin.callback_url == f"{layout.gateway_url}/api/v1/wecom/callback"
    assert standin.port == layout.standin_port


def test_a_configured_corp_takes_the_place_of_the_stand_in_but_only_whole() -> None:
    assert configured_wecom({}) is None
    assert configured_wecom(CORP) == CORP

    with pytest.raises(WeComWrong, match="WECOM_TOKEN, WECOM_AES_KEY is not"):
        configured_wecom(CORP | {"WECOM_TOKEN": "", "WECOM_AES_KEY": ""})


def test_a_token_needs_a_running_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = token.main(["--home", str(tmp_path)])

    told = capsys.readouterr()
    assert code == 1
    assert told.out == ""
    assert "make run" in told.err


def test_a_token_is_signed_with_the_key_of_the_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GATEWAY_JWT_KEY", raising=False)
    run_file.write(tmp_path, run_file.RunFile("http://127.0.0.1:8080", {}, str(tmp_path / "data"), None))

    code = token.main(["--home", str(tmp_path)])

    key = secret(tmp_path / "data", "jwt")
    claims = jwt.decode(capsys.readouterr().out.strip(), key, ["HS256"], audience="marketwin", issuer="marketwin")
    assert code == 0
    assert claims["roles"] == ["admin"]
    assert claims["exp"] - claims["iat"] == 12 * 3600


@pytest.mark.parametrize("options", [["--role", "king"], ["--hours", "0"], ["--hours", "nan"], ["--hours", "1e9"]])
def test_a_role_nobody_knows_or_an_odd_duration_is_refused(tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        token.main(["--home", str(tmp_path), *options])

    assert refusal.value.code == 2
