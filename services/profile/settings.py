"""Settings of the profile service: every number that a profile depends on."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.profile.domain.features import FeatureRules
from services.profile.domain.growth import GrowthRules
from services.profile.domain.key_customer import PARTS, KeyRules
from services.profile.domain.profiles import Rules

Share = Annotated[float, Field(ge=0, le=1)]
Cycles = Annotated[int, Field(ge=2, le=104)]


class ProfileSettings(ServiceSettings):
    """Variables begin with `PROFILE_`; the weights are JSON, e.g. `{"quantity": 0.25, ...}`."""

    model_config = SettingsConfigDict(env_prefix="PROFILE_", frozen=True, extra="ignore")

    window_cycles: Cycles = 13
    regularity_cycles: Cycles = 26
    growth_measure: Literal["amount", "quantity"] = "amount"
    mature_rank: Share = 0.70
    mature_growth: Share = 0.05
    potential_rank: Share = 0.25
    potential_growth: Share = 0.05
    potential_gap: Share = 0.20
    key_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=lambda: dict(KeyRules().weights))
    key_threshold: Share = 0.80
    live_retailers: Annotated[int, Field(ge=1)] = 50
    """Up to so many changed retailers are profiled at once; more are gathered first."""
    gather_s: Annotated[float, Field(ge=0)] = 1.0
    """A bulk change is profiled when no record has come for so long."""
    gather_at_most_s: Annotated[float, Field(ge=0)] = 60.0
    """After which time it is profiled even if records keep coming."""
    quiet_s: Annotated[float, Field(ge=0)] = 2.0
    """How long nothing may have changed before a market's yardstick is taken anew."""
    overdue_s: Annotated[float, Field(ge=0)] = 30.0
    """After which time a yardstick is taken anew even if changes keep coming."""

    @model_validator(mode="after")
    def _weights_are_parts(self) -> Self:
        unknown = set(self.key_weights) - set(PARTS)
        if unknown:
            raise ValueError(f"PROFILE_KEY_WEIGHTS: unknown parts {sorted(unknown)}; use {', '.join(PARTS)}")
        if sum(self.key_weights.values()) <= 0:
            raise ValueError("PROFILE_KEY_WEIGHTS: at least one weight must be above 0")
        return self

    def rules(self) -> Rules:
        """The rules as the domain takes them."""
        return Rules(
            features=FeatureRules(self.window_cycles, self.regularity_cycles, self.growth_measure),
            growth=GrowthRules(
                mature_rank=self.mature_rank,
                mature_growth=self.mature_growth,
                potential_rank=self.potential_rank,
                potential_growth=self.potential_growth,
                potential_gap=self.potential_gap,
            ),
            key=KeyRules(MappingProxyType(dict(self.key_weights)), self.key_threshold),
        )
