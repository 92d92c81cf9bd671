"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


def _hard_to_guess(code: SecretStr) -> SecretStr:
    if 0 < len(code.get_secret_value()) < 16:
        raise ValueError("a one-time code needs at least 16 characters")
    return code


OneTimeCode = Annotated[SecretStr, AfterValidator(_hard_to_guess)]


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
    one_time_code: OneTimeCode = SecretStr("")
    """A sign-in code of at least 16 characters that is valid once, for the administrator who started the stack."""
    one_time_user: str = "admin"
    """Who signs in with it; where it is an account manager's user id, his recommendations are shown."""
    session_hours: Annotated[float, Field(gt=0, le=24)] = 8.0
    """How long a token from a sign-in code is valid."""
    console: Path | None = None
    """Folder of the built console; none: no console."""
    map: Path | None = None
    """GeoJSON of the regions; none: all regions of the map are listed as unmapped."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=24 * 1024 * 1024)] = 16 * 1024 * 1024
    """Largest body of records."""
    max_bodies_bytes: Annotated[int, Field(ge=1024)] = 128 * 1024 * 1024
    """Bodies of records that may be in memory at once, all requests together."""
    body_within_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds in which a body of records must have come whole; then its sender hears 408."""
    head_within_s: Annotated[float, Field(gt=0)] = 20.0
    """Seconds in which the head of a request must have come whole; then its sender hears 408."""
    read_within_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds in which a client must read something of what waits for it, or it is cut off."""
    live_per_caller: Annotated[int, Field(ge=1)] = 200
    """Subscriptions to the live stream of one caller at once, in each gateway process."""
    live_overall: Annotated[int, Field(ge=1)] = 5000
    """Subscriptions to the live stream at once, in each gateway process."""
    requests_per_s: Annotated[float, Field(gt=0)] = 600.0
    """Requests a second of one caller, in each gateway process; twice as many may come at once."""
    sign_ins_per_s: Annotated[float, Field(gt=0)] = 5.0
    """Tries to sign in a second from one address; four times as many may come at once."""
    webhooks_per_s: Annotated[float, Field(gt=0)] = 100.0
    """Deliveries to webhooks a second from one address; four times as many may come at once."""
    wecom_corp_id: str = ""
    wecom_token: SecretStr = SecretStr("")
    wecom_aes_key: SecretStr = SecretStr("")
