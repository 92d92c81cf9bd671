"""What must be respected before a recommendation is shown or sent (C-04), as columns."""

from dataclasses import dataclass

import polars as pl

LIVING = ("", "valid")


@dataclass(frozen=True, slots=True)
class LimitText:
    """A limit in both languages; a blocking one keeps the message from being sent."""

    text_zh: str
    text_en: str
    blocks: bool


LIMITS = {
    "licence_invalid": LimitText(
        "零售许可证已过期、停业或被吊销，不得发送", "The retail licence is not valid: nothing may be sent", True
    ),
    "licence_unknown": LimitText(
        "许可证状态未知，核实前不得发送需持证商品", "Licence not on record: check it before sending", True
    ),
    "school_zone": LimitText("校园周边：不做新品培育", "Near a school: no nurturing of new products", False),
    "scarce": LimitText("紧俏货源，以投放策略为准", "Scarce: the allocation policy decides", False),
    "trial": LimitText("试销期商品", "On trial", False),
}


def with_limits(ranked: pl.DataFrame, retailers: pl.DataFrame, skus: pl.DataFrame, *, today: str) -> pl.DataFrame:
    """Add `limits` (list of codes, see `LIMITS`) and `is_blocked` to each row.

    `retailers` has `retailer_code, license_status, license_valid_to, school_zone`; `skus` has `sku_code,
    licence_required, status, supply_state`; `today` is the ISO day of sending. An unknown product needs a licence.
    The licence counts when the message is sent, so senders call `licence_limit` again.
    """
    joined = ranked.join(
        retailers.select("retailer_code", "license_status", "license_valid_to", "school_zone"),
        on="retailer_code",
        how="left",
        maintain_order="left",
    ).join(
        skus.select("sku_code", "licence_required", "status", "supply_state"),
        on="sku_code",
        how="left",
        maintain_order="left",
    )
    needs_licence = pl.col("licence_required").fill_null(True)
    status, until = pl.col("license_status").fill_null(""), pl.col("license_valid_to").fill_null("")
    is_invalid = ~status.is_in(LIVING) | ((until != "") & (until < today))
    is_unknown = (status == "") & (until == "")
    codes = {
        "licence_invalid": needs_licence & is_invalid,
        "licence_unknown": needs_licence & is_unknown & ~is_invalid,
        "school_zone": pl.col("school_zone").fill_null(False),
        "scarce": pl.col("supply_state").fill_null("") == "scarce",
        "trial": pl.col("status").fill_null("") == "trial",
    }
    blocking = [code for code, limit in LIMITS.items() if limit.blocks]
    listed = pl.concat_list([pl.when(holds).then(pl.lit(code)) for code, holds in codes.items()]).list.drop_nulls()
    return ranked.with_columns(joined.select(limits=listed).to_series()).with_columns(
        is_blocked=pl.col("limits").list.eval(pl.element().is_in(blocking)).list.any()
    )


def licence_limit(*, licence_required: bool, status: str, valid_to: str, today: str) -> str:
    """The licence's limit code at the moment of sending; empty when the message may leave."""
    if not licence_required:
        return ""
    if status not in LIVING or (valid_to and valid_to < today):
        return "licence_invalid"
    return "" if status or valid_to else "licence_unknown"
