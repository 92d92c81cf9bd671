"""Makes the files of the `real` market pack from the published data sets.

    python -m demo.real.build ../shared/data                                  the data files
    python -m demo.real.build ../shared/data --atlas counties-10m.json        and the regions and their shapes

The atlas is the file of that name in the npm package us-atlas 3.0.1 (`npm pack us-atlas@3.0.1`).
The same input gives the same files: no clock, no randomness, no network.
"""

import argparse
import json
from pathlib import Path

import polars as pl

from demo.real import shapes, tables

HERE = Path(__file__).parent
TOLERANCE_DEG = 0.012
SMALLEST_DEG2 = 0.01


def build(source: Path, out: Path) -> list[Path]:
    """Writes the data files under `out`/data from the folder of published data sets; returns them, sorted."""
    known = places()
    sets = {
        "us_cigarettes": tables.cigarettes(source, known),
        "online_retail": tables.online_retail(source, known),
        "iowa_spirits": tables.spirits(source, known),
    }
    return sorted(
        _write(table, out / "data" / folder / name) for folder, parts in sets.items() for name, table in parts.items()
    )


def build_regions(atlas: Path, out: Path) -> list[Path]:
    """Writes `regions.csv` and `regions.geojson` under `out` from a TopoJSON atlas of US states and counties."""
    known = places()
    topology = json.loads(atlas.read_text(encoding="utf-8"))
    features = _features(shapes.read_atlas(topology, TOLERANCE_DEG), known)
    collection = {"type": "FeatureCollection", "features": features}
    text = json.dumps(collection, ensure_ascii=False, separators=(",", ":"))
    geojson = out / "regions.geojson"
    geojson.write_text(text + "\n", encoding="utf-8")
    return [geojson, _write(_regions(features, known), out / "regions.csv")]


def places() -> pl.DataFrame:
    """The hand-kept list of countries, states and counties, with the name that each source gives them."""
    text = {name: pl.String for name in ("adcode", "parent", "level", "fips", "source_name", "name_zh", "name_en")}
    return pl.read_csv(HERE / "places.csv", schema_overrides=text)


def _write(table: pl.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
    return path


def _features(atlas: shapes.Atlas, known: pl.DataFrame) -> list[dict[str, object]]:
    drawn = {
        str(geometry["id"]): geometry
        for layer in ("states", "counties")
        for geometry in atlas.objects[layer]["geometries"]
    }
    wanted = known.filter(pl.col("fips").is_not_null())
    return [_feature(atlas, drawn[place["fips"]], place) for place in wanted.iter_rows(named=True)]


def _feature(atlas: shapes.Atlas, geometry: dict[str, object], place: dict[str, object]) -> dict[str, object]:
    found = shapes.polygons(atlas, geometry, SMALLEST_DEG2)
    properties = {key: place[key] for key in ("adcode", "name_zh", "name_en", "level", "parent")}
    return {
        "type": "Feature",
        "id": place["adcode"],
        "properties": properties | {"centroid": list(shapes.centroid(found[0][0]))},
        "geometry": {"type": "MultiPolygon", "coordinates": [shapes.wound(polygon) for polygon in found]},
    }


def _regions(features: list[dict[str, object]], known: pl.DataFrame) -> pl.DataFrame:
    centres = pl.DataFrame(
        [(feature["id"], *feature["properties"]["centroid"]) for feature in features],  # type: ignore[index]  # JSON has no types
        schema={"adcode": pl.String, "centre_lon": pl.Float64, "centre_lat": pl.Float64},
        orient="row",
    )
    return known.join(centres, on="adcode", how="left", maintain_order="left").select(
        "adcode",
        "parent",
        "level",
        "name_zh",
        "name_en",
        lon=pl.coalesce("centre_lon", "lon"),
        lat=pl.coalesce("centre_lat", "lat"),
    )


def main() -> None:
    """Command line: the folder of the data sets, and where wanted the atlas and another folder to write to."""
    parser = argparse.ArgumentParser(description="Makes the files of the real market pack.")
    parser.add_argument("source", type=Path, help="folder of the published data sets")
    parser.add_argument(
        "--atlas", type=Path, help="counties-10m.json of us-atlas; without it the regions stay as they are"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this pack)")
    options = parser.parse_args()
    written = build(options.source, options.out)
    if options.atlas:
        written += build_regions(options.atlas, options.out)
    for path in written:
        print(f"{path.stat().st_size:>10,} {path}")


if __name__ == "__main__":
    main()
