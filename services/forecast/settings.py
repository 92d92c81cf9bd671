"""Settings of the forecast service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings

Limits = Annotated[tuple[float, ...], Field(min_length=1)]


class ForecastSettings(ServiceSettings):
    """Variables begin with `FORECAST_`."""

    model_config = SettingsConfigDict(env_prefix="FORECAST_", frozen=True, extra="ignore")

    regions: Path | None = None
    """CSV of the regions (adcode,parent,level,...); without it every region stands alone."""
    models: Path | None = None
    """Folder of model files; default `models` in the data folder."""

    horizon_weeks: Annotated[int, Field(ge=1, le=13)] = 4
    history_weeks: Annotated[int, Field(ge=30, le=520)] = 208
    week_closes_on: Annotated[int, Field(ge=0, le=6)] = 5
    """Weekday (0 Monday) from which the newest week counts as complete."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of a training; more than one help only on idle cores, else they wait for each other."""
    training_rows: Annotated[int, Field(ge=1_000)] = 200_000

    quiet_s: Annotated[float, Field(gt=0)] = 0.4
    """Pause in the records after which changed series are forecast again."""
    longest_wait_s: Annotated[float, Field(gt=0)] = 2.0
    """Changed series are forecast after so long even without a pause."""
    pass_series: Annotated[int, Field(ge=1)] = 2_000
    """Series forecast in one go."""
    busy_pass_series: Annotated[int, Field(ge=1)] = 200
    """The same while records keep coming in: the newest changes first, the bulk waits for a pause."""
    annual_every_s: Annotated[float, Field(gt=0)] = 3.0
    """Annual forecasts are made again at most so often."""
    renew_every_s: Annotated[float, Field(gt=0)] = 3600.0
    """Everything is forecast again at most so often, where the history has changed: forecasts lean on neighbours."""
    auto_train: bool = True
    """Train once by itself when there is no model and enough history."""
    auto_train_after_s: Annotated[float, Field(gt=0)] = 20.0
    """Pause in the records after which that begins, and everything is forecast again: what comes later is not in it."""

    patent_weights: tuple[float, float, float] = (0.2, 0.3, 0.5)
    """Weights of last year, the year before and this year's own forecast in patent_v1."""
    price_window_days: Annotated[int, Field(ge=1)] = 90
    reliable_from: Annotated[float, Field(ge=-1, le=1)] = 0.7
    """Correlation of the two previous years from which an annual forecast is called reliable."""
    pool_spring_months: bool = True
    """January and February count as one month in Chinese regions."""
    stick_limits: Limits = (1.0, 5.0, 8.0, 10.0)
    """Limits of the map bands of sticks, 10,000 cases."""
    unit_limits: dict[str, Limits] = Field(default_factory=dict)
    """Limits of other base units, e.g. {"millilitre": [1e6, 1e7]}; without them fifths of the values shown."""
