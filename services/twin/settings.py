"""Settings of the twin service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class TwinSettings(ServiceSettings):
    """Variables begin with `TWIN_`."""

    model_config = SettingsConfigDict(env_prefix="TWIN_", frozen=True, extra="ignore")

    regions: Path | None = None
    """CSV of the regions that get a twin (adcode,parent,level,name_zh,name_en,lon,lat)."""
    models: Path | None = None
    """Folder of further twin types, JSON files in DTDL."""
    feeds: Path | None = None
    """Folder of further mappings from records to twins, YAML files; those of a kind stand in place of the shipped."""
    journal_kept_days: int = Field(default=1100, ge=0, le=36_500)
    """Days that the history of twins is kept; 0 keeps all."""
