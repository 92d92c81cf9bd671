"""Why a profile says what it says, in Chinese and English, with the figures behind each sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.profile.domain.cycles import text_of_cycle
from services.profile.domain.key_customer import PARTS, KeyRules, used_weights
from services.profile.domain.profiles import Rules

Evidence = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason: what it explains, the sentence in both languages, and its figures."""

    subject: str
    text_zh: str
    text_en: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Override:
    """A key flag that a person set by hand, which stands until it is taken back."""

    is_key: bool
    reason: str
    set_by: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one profile that its labels were read from; a part that is None had no data."""

    cycle: int
    growth_type: str
    growth_rule: str
    growth: float | None
    growth_reason: str | None
    tier_rank: float
    tier_basis: str
    score: float
    score_gap: float | None
    is_key: bool
    parts: Mapping[str, float | None]
    peer_retailers: int
    override: Override | None = None


PART_NAMES = {
    "quantity": ("订货量", "order quantity"),
    "cycle": ("订货周期规律性", "regularity of order cycles"),
    "structure": ("品规结构", "SKU structure"),
    "amount": ("订货金额", "order amount"),
    "competitor": ("竞品订货", "competitor orders"),
}
_GROWTH_NAMES = {
    "mature": ("成熟型", "mature"),
    "potential": ("潜力型", "potential"),
    "ordinary": ("普通型", "ordinary"),
    "unspecified": ("未分类", "not classified"),
}


def explain(standing: Standing, rules: Rules) -> list[Explanation]:
    """Reasons for the growth type, for the key flag, and for each of the five parts by falling
    contribution.
    """
    missing = tuple(name for name in PARTS if standing.parts.get(name) is None)
    weights = used_weights(missing, rules.key)
    ranked = sorted(PARTS, key=lambda name: -weights.get(name, 0.0) * (standing.parts.get(name) or 0.0))
    parts = [_part(name, standing, weights.get(name)) for name in ranked]
    return [_growth(standing, rules), _key(standing, rules.key), *parts]


def _growth(standing: Standing, rules: Rules) -> Explanation:
    limits, window = rules.growth, rules.features.window_cycles
    name_zh, name_en = _GROWTH_NAMES[standing.growth_type]
    basis_zh = "档位" if standing.tier_basis == "recorded" else "近期采购在本市场的百分位"
    basis_en = "recorded tier" if standing.tier_basis == "recorded" else "percentile of recent purchases"
    growth_zh, growth_en = _growth_words(standing, window)
    gap_zh, gap_en = _gap_words(standing)
    return Explanation(
        subject="growth_type",
        text_zh=f"{name_zh}：{basis_zh}为 {standing.tier_rank:.2f}；{growth_zh}；{gap_zh}。",
        text_en=f"{name_en}: {basis_en} {standing.tier_rank:.2f}; {growth_en}; {gap_en}.",
        evidence={
            "cycle": text_of_cycle(standing.cycle),
            "rule": standing.growth_rule,
            "tier_rank": standing.tier_rank,
            "tier_basis": standing.tier_basis,
            "growth": standing.growth,
            "growth_reason": standing.growth_reason,
            "score_gap": standing.score_gap,
            "window_cycles": window,
            "mature_rank": limits.mature_rank,
            "mature_growth": limits.mature_growth,
            "potential_rank": limits.potential_rank,
            "potential_growth": limits.potential_growth,
            "potential_gap": limits.potential_gap,
        },
    )


def _growth_words(standing: Standing, window: int) -> tuple[str, str]:
    if standing.growth is None:
        short = standing.growth_reason == "short_history"
        zh = f"不足 {2 * window} 周历史，增长率未知" if short else f"前 {window} 周无采购，增长率未知"
        en = f"fewer than {2 * window} weeks of history" if short else f"nothing bought in the {window} weeks before"
        return zh, f"growth unknown ({en})"
    return (
        f"近 {window} 周较前 {window} 周 {standing.growth:+.1%}",
        f"{standing.growth:+.1%} in {window} weeks against the {window} before",
    )


def _gap_words(standing: Standing) -> tuple[str, str]:
    if standing.score_gap is None:
        return "无同档同行可比", "no peers to compare with"
    if standing.score_gap <= 0:
        return "得分不低于同档同行", "score not below its peers"
    return f"得分低于同档同行 {standing.score_gap:.0%}", f"score {standing.score_gap:.0%} below its peers"


def _key(standing: Standing, rules: KeyRules) -> Explanation:
    override = standing.override
    if override is not None:
        zh = f"人工{'标记为' if override.is_key else '取消'}重点客户（{override.set_by}）：{override.reason}。"
        verdict = "a key customer" if override.is_key else "not a key customer"
        en = f"Set by {override.set_by} as {verdict}: {override.reason}."
    else:
        verdict_zh = "达到" if standing.is_key else "未达到"
        verdict = "reaches" if standing.is_key else "does not reach"
        zh = f"综合得分 {standing.score:.2f}，{verdict_zh}重点客户门槛 {rules.threshold:.2f}。"
        en = f"Score {standing.score:.2f} {verdict} the key-customer threshold {rules.threshold:.2f}."
    return Explanation(
        subject="is_key",
        text_zh=zh,
        text_en=en,
        evidence={
            "score": standing.score,
            "threshold": rules.threshold,
            "is_key": standing.is_key,
            "is_key_by_score": standing.score >= rules.threshold,
            "overridden": override is not None,
            "peer_retailers": standing.peer_retailers,
        },
    )


def _part(name: str, standing: Standing, weight: float | None) -> Explanation:
    name_zh, name_en = PART_NAMES[name]
    value = standing.parts.get(name)
    if value is None:
        return Explanation(
            subject=name,
            text_zh=f"{name_zh}：本市场无数据，其权重分摊给其余各项。",
            text_en=f"{name_en}: no data in this market, its weight is shared out among the other parts.",
            evidence={"value": None, "weight": 0.0, "weights_renormalised": True},
        )
    return Explanation(
        subject=name,
        text_zh=f"{name_zh}：高于本市场 {value:.0%} 的同行，权重 {weight or 0:.0%}。",
        text_en=f"{name_en}: above {value:.0%} of the market's retailers, weight {weight or 0:.0%}.",
        evidence={"value": value, "weight": weight, "contribution": value * (weight or 0.0)},
    )
