"""What is shipped is small, licensed, complete, and fits the mappings and the regions."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from demo.packs import Feed, Pack, _batches, open_pack
from demo.real import shapes
from services.ingest.domain.kinds import KINDS
from tests.demo.published import REAL

MEGABYTE = 1_000_000
LATE_DAYS = 35  # DQ-06
PACK = open_pack(REAL)
FEEDS = {feed.name: feed for feed in PACK.feeds + PACK.live}


def _shipped() -> list[Path]:
    return sorted(path for path in REAL.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _data_files() -> list[str]:
    data = [path.relative_to(REAL).as_posix() for path in _shipped() if "data" in path.relative_to(REAL).parts]
    return [*data, "regions.csv", "regions.geojson"]


def _mapping(feed: Feed) -> dict[str, Any]:
    content = yaml.safe_load((PACK.mappings / f"{feed.source}.{feed.kind}.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def _table(feed: Feed) -> pl.DataFrame:
    return pl.read_csv(feed.path, infer_schema=False) if feed.path.suffix == ".csv" else pl.read_parquet(feed.path)


def _mapped(feed: Feed, name: str) -> pl.Series:
    """A canonical text field as its mapping makes it."""
    how = _mapping(feed)["fields"][name]
    return _table(feed).select(pl.format(how.get("format", "{}"), pl.col(how["from"]))).to_series()


def _known(kind: str, name: str) -> set[str]:
    return {code for feed in PACK.feeds if feed.kind == kind for code in _mapped(feed, name)}


def _regions() -> list[dict[str, str]]:
    with PACK.regions.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _features() -> list[dict[str, Any]]:
    features = json.loads(PACK.shapes.read_text(encoding="utf-8"))["features"]
    assert isinstance(features, list)
    return features


def _rings(feature: dict[str, Any]) -> Iterator[shapes.Line]:
    return (np.array(ring) for polygon in feature["geometry"]["coordinates"] for ring in polygon)


def test_the_pack_takes_at_most_8_megabytes_and_no_file_more_than_one() -> None:
    sizes = {path.name: path.stat().st_size for path in _shipped()}

    assert sum(path.stat().st_size for path in _shipped()) <= 8 * MEGABYTE
    assert max(sizes.values()) <= MEGABYTE
    assert PACK.shapes.stat().st_size <= 300_000


def test_each_file_is_named_in_the_notice_under_an_origin_and_a_licence() -> None:
    notice = (REAL / "NOTICE").read_text(encoding="utf-8")
    sections = [part for part in re.split(r"\n\d\. ", notice) if "\nFiles " in part]

    for section in sections:
        assert all(f"\n{heading} " in section for heading in ("Origin", "Licence", "Changes")), section[:60]
    named = [word for section in sections for word in section.split("\nOrigin")[0].split()]
    assert sorted(set(named) & set(_data_files())) == sorted(_data_files())


def test_each_data_file_is_loaded_or_replayed() -> None:
    used = {feed.file for feed in FEEDS.values()}

    assert used == set(_data_files()) - {"regions.csv", "regions.geojson"}


def test_there_is_one_mapping_for_each_source_and_kind_and_none_besides() -> None:
    wanted = {f"{feed.source}.{feed.kind}.yaml" for feed in FEEDS.values()}

    assert {path.name for path in PACK.mappings.iterdir()} == wanted


@pytest.mark.parametrize("feed", list(FEEDS.values()), ids=list(FEEDS))
def test_a_mapping_reads_columns_that_are_there_and_gives_each_required_field(feed: Feed) -> None:
    mapping, kind = _mapping(feed), KINDS[feed.kind]
    given = {field.name for field in kind.given}

    targets = set(mapping["fields"]) | set(mapping["constants"])

    assert (mapping["source"], mapping["kind"], mapping["schema_version"]) == (
        feed.source,
        feed.kind,
        kind.schema_version,
    )
    assert {how["from"] for how in mapping["fields"].values()} <= set(_table(feed).columns)
    assert targets <= given
    assert {field.name for field in kind.fields if field.required} <= targets


def test_each_status_of_an_order_line_has_a_state() -> None:
    for feed in (feed for feed in FEEDS.values() if feed.kind == "commercial_order"):
        codes = _mapping(feed)["fields"]["state"]["codes"]

        assert set(_table(feed)["status"]) <= set(codes)


def test_each_order_is_of_a_known_retailer_and_each_sale_of_a_known_company_and_product() -> None:
    retailers, companies, products = (
        _known("retailer", "retailer_code"),
        _known("org", "org_code"),
        _known("sku", "sku_code"),
    )

    for feed in FEEDS.values():
        if feed.kind == "commercial_order":
            assert set(_mapped(feed, "retailer_code")) <= retailers
        if feed.kind == "retailer":
            assert set(_mapped(feed, "city_org")) <= companies
        if feed.kind == "commercial_sale":
            assert set(_mapped(feed, "org_code")) <= companies
        if feed.source == "iowa_spirits" and feed.kind == "commercial_sale":
            assert set(_mapped(feed, "sku_code")) <= products


def test_the_lines_of_products_outside_the_catalogue_are_as_many_as_the_notice_says() -> None:
    products = _known("sku", "sku_code")
    lines = pl.concat([_mapped(feed, "sku_code") for feed in FEEDS.values() if feed.kind == "commercial_order"])

    unknown = lines.filter(~lines.is_in(list(products)))

    assert (len(lines), len(unknown), unknown.n_unique()) == (270_096, 12_756, 1_486)


def test_the_amount_of_an_order_line_is_its_quantity_times_its_price() -> None:
    for feed in (feed for feed in FEEDS.values() if feed.kind == "commercial_order"):
        off = _table(feed).select((pl.col("qty") * pl.col("price") - pl.col("amount")).abs().max()).item()

        assert off < 0.005


def test_only_cancelled_lines_have_a_negative_quantity() -> None:
    lines = pl.concat([_table(feed) for feed in FEEDS.values() if feed.kind == "commercial_order"])

    assert lines.filter(pl.col("qty") <= 0)["status"].unique().to_list() == ["cancelled"]
    assert lines.select(pl.struct("order_id", "line").is_duplicated().any()).item() is False


def test_a_sale_is_unique_by_company_product_and_week_and_weeks_begin_on_monday() -> None:
    sales = pl.concat(
        [_table(feed) for feed in FEEDS.values() if (feed.source, feed.kind) == ("iowa_spirits", "commercial_sale")]
    )

    assert len(sales) == 182_270
    assert sales.select(pl.struct("monday", "item_code", "county_fips").is_duplicated().any()).item() is False
    assert sales["monday"].str.to_date().dt.weekday().unique().to_list() == [1]


def test_the_years_of_all_states_are_complete() -> None:
    annual = _table(FEEDS["data/us_cigarettes/annual.parquet:commercial_sale"])

    assert annual.group_by("state").len()["len"].unique().to_list() == [45]
    assert annual["state"].n_unique() == 51
    assert (annual["packs"] - annual["packs_million_est"] * 1e6).abs().max() <= 0.5


@pytest.mark.parametrize(
    "feed", [feed for feed in PACK.feeds if feed.path.suffix == ".parquet"], ids=lambda feed: feed.name
)
def test_no_batch_holds_a_record_that_is_late_against_another_of_it(feed: Feed) -> None:
    column = next(how["from"] for how in _mapping(feed)["fields"].values() if "time" in how)

    for batch in _batches(feed, 0):
        days = [date.fromisoformat(day) for day in batch.rows.column(column).to_pylist()]
        assert (max(days) - min(days)).days <= LATE_DAYS
        assert days == sorted(days)


@pytest.mark.parametrize(
    ("feed", "days"), list(zip(PACK.live, (28, 22), strict=True)), ids=lambda value: getattr(value, "name", None)
)
def test_what_is_held_back_is_the_last_four_weeks_and_follows_the_history(feed: Feed, days: int) -> None:
    before = [other for other in PACK.feeds if (other.source, other.kind) == (feed.source, feed.kind)]
    tail = _table(feed)[feed.day].str.to_date()
    history = pl.concat([_table(other)[feed.day].str.to_date() for other in before])

    first, last = tail.min(), tail.max()

    assert isinstance(first, date)
    assert isinstance(last, date)
    assert (last - first).days + 1 == days
    assert history.max() < first
    assert tail.is_sorted()


def test_each_place_that_the_records_name_is_a_region() -> None:
    known = {region["adcode"] for region in _regions()}

    for feed in FEEDS.values():
        if "adcode" in _mapping(feed)["fields"]:
            assert set(_mapped(feed, "adcode")) <= known, feed.name


def test_each_region_has_its_parent_its_level_and_both_names() -> None:
    regions = _regions()
    levels = {region["adcode"]: region["level"] for region in regions}
    above = {"province": "country", "county": "province"}

    assert list(regions[0]) == ["adcode", "parent", "level", "name_zh", "name_en", "lon", "lat"]
    assert len(levels) == len(regions)
    for region in regions:
        assert levels.get(region["parent"]) == above.get(region["level"])
        assert region["name_zh"]
        assert region["name_en"]


def test_the_map_draws_each_state_and_each_county_of_iowa_once() -> None:
    drawn = [feature["id"] for feature in _features()]
    wanted = [region["adcode"] for region in _regions() if region["level"] in {"province", "county"}]

    assert sorted(drawn) == sorted(wanted)
    assert len(drawn) == 51 + 99


def test_each_shape_is_closed_and_its_label_point_lies_within_its_bounds() -> None:
    for feature in _features():
        lon, lat = feature["properties"]["centroid"]
        largest = next(_rings(feature))

        assert all(ring[0].tolist() == ring[-1].tolist() and len(ring) >= 4 for ring in _rings(feature))
        assert largest[:, 0].min() < lon < largest[:, 0].max()
        assert largest[:, 1].min() < lat < largest[:, 1].max()


def test_the_counties_of_iowa_fill_the_state_without_gap_or_overlap() -> None:
    areas = {feature["id"]: sum(map(shapes.area, _rings(feature))) for feature in _features()}

    counties = sum(area for code, area in areas.items() if re.fullmatch(r"US-19\d{3}", code))

    assert counties == pytest.approx(areas["US-IA"], rel=1e-3)


def test_the_pack_is_marked_as_real_data() -> None:
    pack: Pack = open_pack(REAL)

    assert (pack.name, pack.is_synthetic) == ("real", False)
