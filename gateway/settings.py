"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Variables begin with `GATEWAY_`; `port` is the HTTP port."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True, extra="ignore")

    ingest_address: str = "127.0.0.1:7001"
    twin_address: str = "127.0.0.1:7002"
    profile_address: str = "127.0.0.1:7003"
    forecast_address: str = "127.0.0.1:7004"
    recommend_address: str = "127.0.0.1:7005"
    jwt_key: SecretStr = SecretStr("")
    """Key of the HS256 tokens, at least 32 bytes; the gateway does not start without it."""
    one_time_code: SecretStr = SecretStr("")
    """A sign-in code that is valid once, for the administrator who started the stack."""
    session_hours: Annotated[float, Field(gt=0, le=24)] = 8.0
    """How long a token from a sign-in code is valid."""
    console: Path | None = None
    """Folder of the built console; none: no console."""
    map: Path | None = None
    """GeoJSON of the regions; none: the map answers that it is not configured."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    """Largest body of records."""
    wecom_corp_id: str = ""
    wecom_token: SecretStr = SecretStr("")
    wecom_aes_key: SecretStr = SecretStr("")
