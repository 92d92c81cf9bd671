"""Shapes of the REST API, records in a file of their own. Fields may be added, never renamed."""

from __future__ import annotations

from pydantic import Field

from gateway.schemas.base import Json, Listing, Page, PageWithTotal, Shape
from gateway.schemas.lineage import Lineage, LineageStep
from gateway.schemas.privacy import ErasedFrom, PrivacyRequest, PrivacyRequestBody
from gateway.schemas.quarantine import (
    Changed,
    DropBody,
    QuarantineItem,
    ReopenBody,
    ReplayBody,
    ReplayFilter,
    ReplayOutcome,
)
from gateway.schemas.records import (
    AskedRun,
    Balance,
    CleaningRule,
    Connection,
    DayBalance,
    Kind,
    Quality,
    QualityDays,
    Reason,
    Receipt,
    RecordStatistics,
    RuleCount,
    Source,
    SourceBalance,
)
from gateway.schemas.reports import Difference, OrderChain, OrderState
from gateway.schemas.twins import Reading, Relation, Twin, TwinGroup, TwinGroups, TwinPart, TwinReadings

__all__ = [
    "AnnualForecast",
    "AnnualInputs",
    "AskedRun",
    "Backtest",
    "Balance",
    "Change",
    "Changed",
    "CleaningRule",
    "Connection",
    "DayBalance",
    "DemandForecast",
    "Difference",
    "DropBody",
    "ErasedFrom",
    "Explanation",
    "Feature",
    "Feedback",
    "Health",
    "Interval",
    "Invitation",
    "Json",
    "KeyFlag",
    "KeyScore",
    "Kind",
    "LabelChange",
    "Limit",
    "Lineage",
    "LineageStep",
    "Listing",
    "OneTimeCode",
    "OrderChain",
    "OrderState",
    "Page",
    "PageWithTotal",
    "PrivacyRequest",
    "PrivacyRequestBody",
    "Profile",
    "ProfileExplanation",
    "Purchase",
    "Quality",
    "QualityDays",
    "QuarantineItem",
    "Reading",
    "Reason",
    "Receipt",
    "Recommendation",
    "RecommendationReason",
    "RecordStatistics",
    "Relation",
    "ReopenBody",
    "ReplayBody",
    "ReplayFilter",
    "ReplayOutcome",
    "RuleCount",
    "Shape",
    "Source",
    "SourceBalance",
    "Summary",
    "Token",
    "Training",
    "Twin",
    "TwinBody",
    "TwinGroup",
    "TwinGroups",
    "TwinPart",
    "TwinReadings",
    "User",
]


class TwinBody(Shape):
    """What a PUT takes."""

    model: str
    properties: Json = Field(default_factory=dict)
    desired: Json = Field(default_factory=dict)
    relations: list[Relation] = Field(default_factory=list)


class Change(Shape):
    revision: int
    patch: Json = Field(
        description="What changed of what is shown: RFC 7396 merge patch over {model, properties, desired, relations}; "
        "{} where it confirmed, or came too late to be shown"
    )
    said: Json | None = Field(
        description="What was said: {properties, desired, relations: {NAME: [ids]}, deleted, quality, writes}; "
        "null: the patch says all of it"
    )
    late: bool = Field(description="Something newer was known of what it says")
    changed_at: str = Field(description="When it was so in the world")
    known_at: str = Field(description="When it was learnt")
    source: str
    trace_id: str


class KeyScore(Shape):
    """Parts 0 to 1; null: no data, its weight is shared by the others."""

    quantity: float | None
    cycle: float | None
    structure: float | None
    amount: float | None
    competitor: float | None
    total: float
    threshold: float


class Feature(Shape):
    name: str
    value: float | None
    unit: str
    reason: str = Field(description="Why the value is null")


class Purchase(Shape):
    sku: str
    cycles: int
    first_cycle: str
    last_cycle: str
    mean_quantity_base: float
    mean_interval_weeks: float
    amount: float


class Profile(Shape):
    retailer: str
    name: str
    revision: int
    cycle: str
    market: str
    adcode: str
    account_manager: str
    license_status: str
    license_valid_to: str
    school_zone: bool
    store_format: str
    market_type: str
    currency: str
    tier_rank: float | None
    tier_basis: str = Field(description="recorded or percentile")
    growth_type: str | None = Field(description="potential, mature, ordinary; null: too little history")
    key_score: KeyScore
    is_key: bool
    key_overridden: bool
    key_override_reason: str
    features: list[Feature]
    purchases: list[Purchase]
    model_version: str
    occurred_at: str
    trace_id: str


class Explanation(Shape):
    subject: str
    text_zh: str
    text_en: str
    evidence: Json


class LabelChange(Shape):
    cycle: str
    growth_type: str | None


class ProfileExplanation(Shape):
    explanations: list[Explanation]
    labels: list[LabelChange]
    model_version: str


class KeyFlag(Shape):
    is_key: bool | None = Field(description="null: back to the score")
    reason: str = Field(default="", max_length=1000)


class Interval(Shape):
    low: float
    high: float
    level: float
    measured_coverage: float | None


class AnnualInputs(Shape):
    last_year: float | None
    year_before: float | None
    inner: float | None
    price_coefficient: float
    price_source: str
    weights: list[float]


class AnnualForecast(Shape):
    region: str
    sku: str
    year: int
    method: str
    value: float | None
    unit: str
    band: str
    inputs: AnnualInputs
    correlation: float | None
    reliable: bool
    reliable_reason: str
    flags: list[str]
    interval: Interval | None
    model_version: str
    revision: int
    trace_id: str
    made_at: str


class DemandForecast(Shape):
    region: str
    sku: str
    period: str
    horizon: int
    value: float
    unit: str
    quantiles: dict[str, float]
    method: str
    model_version: str
    revision: int
    recent_mean: float
    trace_id: str
    made_at: str
    trained_through: str | None


class Backtest(Shape):
    target: str
    model_version: str
    level: str
    horizon: int
    method: str
    metric: str
    value: float
    observations: int
    period_from: str
    period_to: str


class Training(Shape):
    id: str
    status: str
    message: str
    progress: float
    model_versions: list[str]


class RecommendationReason(Shape):
    code: str
    text_zh: str
    text_en: str
    evidence: Json


class Limit(Shape):
    code: str
    text_zh: str
    text_en: str
    blocks: bool


class Recommendation(Shape):
    id: str
    retailer: str
    retailer_name: str
    mode: str
    sku: str
    sku_name_zh: str
    sku_name_en: str
    rank: int
    score: float
    quantity: int | None
    unit: str
    reasons: list[RecommendationReason]
    limits: list[Limit]
    state: str
    account_manager: str
    cycle: str
    model_version: str
    revision: int
    created_at: str
    changed_at: str
    trace_id: str


class Feedback(Shape):
    event: str = Field(max_length=64, description="shown, accepted, rejected, done or reopened")
    reason: str = Field(default="", max_length=1000)


class User(Shape):
    id: str
    name: str
    roles: list[str]


class Token(Shape):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105  # a token type, not a token
    expires_in: int = Field(description="Seconds")
    user: User


class Invitation(Shape):
    user_id: str = Field(pattern=r"^[\w.@+:\-]{1,64}$")
    name: str = Field(default="", max_length=64)
    roles: list[str] = Field(min_length=1, max_length=10)


class OneTimeCode(Shape):
    code: str
    expires_in: int = Field(description="Seconds")


class Summary(Shape):
    twins: dict[str, int]
    profiles: int
    forecasts: dict[str, int]
    recommendations: dict[str, int]
    cards: dict[str, int] = Field(
        description="By state: queued, sent, held (WeCom is asked again), failed (WeCom does not take it), withheld "
        "(before it left, its recommendation ended, or a limit came to stand against it)"
    )


class Health(Shape):
    status: str
    services: dict[str, bool] = Field(default_factory=dict)
