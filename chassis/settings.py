"""Settings: frozen classes, read from the environment once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """What all processes share; variables begin with `MARKETWIN_`."""

    model_config = SettingsConfigDict(env_prefix="MARKETWIN_", frozen=True, extra="ignore")

    postgres_url: str = "postgresql://marketwin@127.0.0.1:5432/marketwin"
    nats_url: str = "nats://127.0.0.1:4222"
    redis_url: str = "redis://127.0.0.1:6379/0"
    data: Path = Path(".marketwin")
    environment: str = "local"
    log_level: str = "info"
    otlp_endpoint: str = ""
    """Where traces go; empty: to files under `data/telemetry`."""
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of traces recorded from their start; errors and slow spans are always kept."""


class ServiceSettings(BaseSettings):
    """Base of a service's settings; a subclass sets its own `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """gRPC port; 0: a free one."""
    pool_size: Annotated[int, Field(ge=1, le=50)] = 5
    """Connections to PostgreSQL."""
    common: CommonSettings = Field(default_factory=CommonSettings)
