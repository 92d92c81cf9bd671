"""What each process of a local stack is told through its environment."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.packs import Pack
from deploy.drop import drop_folders
from deploy.embedded import claim, free_port
from deploy.keys import secret, secret_file
from deploy.stack import (
    OF_THE_DOOR,
    Part,
    has_announced,
    python_part,
    serves_grpc,
    serves_http,
)

ROOT = Path(__file__).parents[1]
SERVICES = ("ingest", "twin", "profile", "forecast", "recommend")
CONSOLE_PORT = 8080
PORTS_TRIED = 100
# The names under which an operator configures a real corp.
WECOM_NAMES = ("WECOM_CORP_ID", "WECOM_SECRET", "WECOM_AGENT_ID", "WECOM_TOKEN", "WECOM_AES_KEY")
# Who sends cards needs other secrets than who hears the clicks.
SENDING = ("WECOM_CORP_ID", "WECOM_SECRET", "WECOM_AGENT_ID", "WECOM_BASE_URL")
HEARING = ("WECOM_CORP_ID", "WECOM_TOKEN", "WECOM_AES_KEY")


class WeComWrong(ValueError):
    """A corp is configured, but not completely."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Ports and secrets of one run."""

    data: Path
    connections: Path
    drop: Path | None
    """Where a person may drop files; None where an operator brings connections of their own."""
    pack: Pack
    ports: Mapping[str, int]
    gateway_port: int
    standin_port: int
    sign_in_code: str
    jwt_key: str

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def sign_in_link(self) -> str:
        return f"{self.gateway_url}/#/signin?code={self.sign_in_code}"

    @property
    def standin_url(self) -> str:
        return f"http://127.0.0.1:{self.standin_port}"

    def address(self, service: str) -> str:
        return f"127.0.0.1:{self.ports[service]}"


def lay_out(home: Path, pack: Pack, environ: Mapping[str, str]) -> Layout:
    """Pick free ports (8080 or the next free one for the gateway), find or make the secrets and the folders."""
    data, own = home / "data", environ.get("INGEST_CONNECTIONS")
    return Layout(
        data=data,
        connections=Path(own) if own else drop_folders(home),
        drop=None if own else home / "drop",
        pack=pack,
        ports={name: free_port() for name in SERVICES},
        gateway_port=_gateway_port(int(environ.get("GATEWAY_PORT") or CONSOLE_PORT)),
        standin_port=free_port(),
        sign_in_code=secrets.token_urlsafe(24),
        jwt_key=environ.get("GATEWAY_JWT_KEY") or secret(data, "jwt"),
    )


def service_parts(layout: Layout, common: Mapping[str, str], wecom: Mapping[str, str]) -> list[Part]:
    """The five services, upstream first."""
    extra = {
        "ingest": {
            **OF_THE_DOOR,
            "INGEST_CONNECTIONS": str(layout.connections),
            "INGEST_MAPPINGS": str(layout.pack.mappings),
            "INGEST_REGIONS": str(layout.pack.regions),
            "INGEST_HISTORY": str(layout.data / "history"),
            "INGEST_TOKEN_KEY_FILE": str(secret_file(layout.data, "token")),
        },
        "twin": {"TWIN_REGIONS": str(layout.pack.regions)},
        "forecast": {"FORECAST_REGIONS": str(layout.pack.regions)},
        "recommend": {
            "RECOMMEND_CONSOLE_URL": layout.gateway_url,
            **{f"RECOMMEND_{name}": wecom[name] for name in SENDING if name in wecom},
        },
    }
    return [
        python_part(
            name,
            f"services.{name}",
            serves_grpc(layout.ports[name]),
            {**common, f"{name.upper()}_PORT": str(layout.ports[name]), **extra.get(name, {})},
        )
        for name in SERVICES
    ]


def gateway_part(layout: Layout, common: Mapping[str, str], wecom: Mapping[str, str]) -> Part:
    """The one HTTP door."""
    env = {
        **OF_THE_DOOR,
        **common,
        **{f"GATEWAY_{name.upper()}_ADDRESS": layout.address(name) for name in SERVICES},
        **{f"GATEWAY_{name}": wecom[name] for name in HEARING},
        "GATEWAY_PORT": str(layout.gateway_port),
        "GATEWAY_JWT_KEY": layout.jwt_key,
        "GATEWAY_ONE_TIME_CODE": layout.sign_in_code,
        "GATEWAY_ONE_TIME_USER": layout.pack.sign_in_as,
        "GATEWAY_CONSOLE": str(ROOT / "clients" / "console" / "dist"),
        "GATEWAY_MAP": str(layout.pack.shapes),
    }
    return python_part("gateway", "gateway", serves_http(layout.gateway_port), env)


def standin_part(layout: Layout, wecom: Mapping[str, str]) -> Part:
    """The WeCom stand-in: it checks like the real one and shows what a manager would see."""
    env = {
        "WECOM_STANDIN_PORT": str(layout.standin_port),
        "WECOM_STANDIN_CALLBACK_URL": f"{layout.gateway_url}/api/v1/wecom/callback",
        "WECOM_STANDIN_CORPID": wecom["WECOM_CORP_ID"],
        "WECOM_STANDIN_SECRET": wecom["WECOM_SECRET"],
        "WECOM_STANDIN_AGENTID": wecom["WECOM_AGENT_ID"],
        "WECOM_STANDIN_TOKEN": wecom["WECOM_TOKEN"],
        "WECOM_STANDIN_ENCODING_AES_KEY": wecom["WECOM_AES_KEY"],
    }
    return python_part("wecom", "demo.wecom", has_announced, env)


def configured_wecom(environ: Mapping[str, str]) -> dict[str, str] | None:
    """The corp an operator configured; None where the stand-in takes its place."""
    if not environ.get("WECOM_CORP_ID"):
        return None
    # Refused here, by name: half a configuration would only fail when the first card is sent.
    missing = [name for name in WECOM_NAMES if not environ.get(name)]
    if missing:
        raise WeComWrong(f"WECOM_CORP_ID is set, but {', '.join(missing)} is not")
    return {name: environ[name] for name in WECOM_NAMES}


def standin_wecom(layout: Layout) -> dict[str, str]:
    """Made-up credentials that the stand-in and the services share: the shapes are WeCom's."""
    return {
        "WECOM_BASE_URL": layout.standin_url,
        "WECOM_CORP_ID": f"ww{secret(layout.data, 'wecom-corp', size=8)}",
        "WECOM_SECRET": secret(layout.data, "wecom-secret"),
        "WECOM_AGENT_ID": "1000002",
        "WECOM_TOKEN": secret(layout.data, "wecom-token", size=16),
        # 43 characters that stand for 32 bytes: four bits in the last one.
        "WECOM_AES_KEY": secret(layout.data, "wecom-aes")[:42] + "A",
    }


def _gateway_port(first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        if claim(port):
            return port
    raise OSError(f"no free port from {first} to {first + PORTS_TRIED - 1}")
