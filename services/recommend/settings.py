"""Settings of the recommend service: weights, list lengths, caps, and the WeCom app."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.recommend.domain.delivery import DeliveryRules
from services.recommend.domain.rules import EVIDENCES, RankingRules

Weights = dict[str, dict[str, Annotated[float, Field(ge=0)]]]
Share = Annotated[float, Field(ge=0, le=1)]
DEFAULT = RankingRules()


class RecommendSettings(ServiceSettings):
    """Variables begin with `RECOMMEND_`; weights and lengths are JSON by mode."""

    model_config = SettingsConfigDict(env_prefix="RECOMMEND_", frozen=True, extra="ignore")

    weights: Weights = Field(default_factory=lambda: {mode: dict(each) for mode, each in DEFAULT.weights.items()})
    lengths: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=lambda: dict(DEFAULT.lengths))
    decay_per_cycle: Annotated[float, Field(gt=0, le=1)] = DEFAULT.decay_per_cycle
    due_share: Share = DEFAULT.due_share
    shrinkage: Annotated[float, Field(ge=0)] = DEFAULT.shrinkage
    neighbours: Annotated[int, Field(ge=1, le=1000)] = DEFAULT.neighbours
    popularity_share: Share = DEFAULT.popularity_share
    reject_cycles: Annotated[int, Field(ge=0)] = 4
    """For so many weeks a rejected product is not recommended to the shop again."""
    rerank_cycles: Annotated[int, Field(ge=1)] = 4
    """After so many weeks the lists of shops that nothing was heard of are made anew."""
    live_profiles: Annotated[int, Field(ge=1)] = 20
    """A message of up to so many profiles is a live change, a larger one part of a bulk."""
    quiet_s: Annotated[float, Field(ge=0)] = 2.0
    """How long no profile may have come before a bulk change is ranked."""
    overdue_s: Annotated[float, Field(ge=0)] = 60.0
    """After which time a bulk change is ranked even if profiles keep coming."""
    cards_per_day: Annotated[int, Field(ge=0)] = 30
    """New cards per account manager and day."""
    bulk_cards_per_day: Annotated[int, Field(ge=0)] = 5
    """How many of them bulk changes may use."""
    card_score: Share = 0.3
    """A weaker recommendation gets no card."""
    console_url: str = "http://127.0.0.1:8080"
    """Where a card leads to."""
    wecom_base_url: str = "https://qyapi.weixin.qq.com"
    wecom_corp_id: str = ""
    """Empty: cards are queued and not sent."""
    wecom_secret: SecretStr = SecretStr("")
    wecom_agent_id: int = 0
    wecom_account_cap: Annotated[int, Field(ge=1)] = 1000
    """The corp's number of accounts, from which WeCom's daily limit follows."""

    @model_validator(mode="after")
    def _modes_are_whole(self) -> Self:
        for mode in DEFAULT.weights:
            if mode not in self.weights or mode not in self.lengths:
                raise ValueError(f"RECOMMEND_WEIGHTS and RECOMMEND_LENGTHS: {mode} is missing")
            unknown = set(self.weights[mode]) - set(EVIDENCES)
            if unknown:
                raise ValueError(f"RECOMMEND_WEIGHTS: unknown {sorted(unknown)}; use {', '.join(EVIDENCES)}")
        return self

    def ranking(self) -> RankingRules:
        """The ranking rules as the domain takes them."""
        return RankingRules(
            weights=MappingProxyType({mode: MappingProxyType(each) for mode, each in self.weights.items()}),
            lengths=MappingProxyType(dict(self.lengths)),
            decay_per_cycle=self.decay_per_cycle,
            due_share=self.due_share,
            shrinkage=self.shrinkage,
            neighbours=self.neighbours,
            popularity_share=self.popularity_share,
        )

    def delivery(self) -> DeliveryRules:
        """The delivery rules as the domain takes them."""
        return DeliveryRules(self.cards_per_day, self.bulk_cards_per_day, self.card_score)
