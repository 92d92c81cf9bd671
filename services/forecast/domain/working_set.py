"""From stored frames to the panels that forecasts are made from."""

import numpy as np
import polars as pl

from services.forecast.domain.annual.panel import AnnualPanel, build_annual_panel, forecast_years
from services.forecast.domain.annual.prices import PriceInputs, proxy_history
from services.forecast.domain.demand.panel import GROUPS, Panel, build_panel
from services.forecast.domain.market_calendar import Floats
from services.forecast.domain.regions import Regions, has_spring_festival


def complete_weeks(clocks: pl.DataFrame, *, closes_on: int) -> pl.DataFrame:
    """market, pool, complete_week: the Monday of each market's last complete week.

    `clocks`: market, pool, covered_through. A week counts as complete from weekday `closes_on` (0 Monday) on.
    """
    monday = pl.col("covered_through").dt.truncate("1w")
    finished = pl.col("covered_through").dt.weekday() - 1 >= closes_on
    complete = pl.when(finished).then(monday).otherwise(monday - pl.duration(days=7))
    return clocks.select("market", "pool", complete_week=complete)


def groups_of(series: pl.DataFrame) -> pl.DataFrame:
    """The groups (kind, pool, member) that series belong to."""
    parts = [series.select(kind=pl.lit(kind), pool="pool", member=column) for kind, column in GROUPS.items()]
    return pl.concat(parts).unique()


def demand_panel(
    series: pl.DataFrame, cells: pl.DataFrame, totals: pl.DataFrame, weeks: pl.DataFrame, *, history_weeks: int
) -> tuple[Panel, dict[str, Floats]]:
    """The panel of series, and how many series share each row's product and region.

    `series`: the columns of a panel's series without has_spring_festival, and sku_series, region_series. `weeks`: as
    `complete_weeks` makes them.
    """
    marked = series.with_columns(has_spring_festival=has_spring_festival(pl.col("adcode")))
    panel = build_panel(cells, marked, weeks, totals, history_weeks=history_weeks)
    members = {name: panel.series[f"{name}_series"].to_numpy().astype(np.float64) for name in ("sku", "region")}
    return panel, members


def tops_of(units: pl.DataFrame, regions: Regions) -> pl.DataFrame:
    """The unit of the widest region for each unit: unit_id, region, sku_code, base_unit, measure."""
    tops = regions.top_of(units["region"])
    joined = units.join(tops, left_on="region", right_on="adcode")
    return joined.select("unit_id", "sku_code", "base_unit", "measure", region="top")


def annual_panel(
    units: pl.DataFrame, cells: pl.DataFrame, prices: PriceInputs, tops: pl.DataFrame, *, pool_spring: bool
) -> AnnualPanel:
    """The panel of units with what the price proxy would have been in past years.

    `units`: unit_id, region, sku_code, base_unit, measure, covered_from, covered_through. `tops`: unit_id, top_id.
    """
    marked = units.join(tops, on="unit_id", how="left").with_columns(
        top_id=pl.col("top_id").fill_null(pl.col("unit_id")),
        pools_spring=has_spring_festival(pl.col("region")) & pl.lit(pool_spring),
    )
    return build_annual_panel(marked, cells, proxy_history(prices))


def price_inputs(
    units: pl.DataFrame, observations: pl.DataFrame, guides: pl.DataFrame, volumes: pl.DataFrame, regions: Regions
) -> PriceInputs:
    """What is known about the prices of units, with the year that each forecasts."""
    clocks = units.select("unit_id", "region", "sku_code", "covered_through").join(forecast_years(units), on="unit_id")
    places = pl.concat([observations["adcode"], units["region"]])
    return PriceInputs(observations, guides, regions.reaching(places), volumes, clocks)
