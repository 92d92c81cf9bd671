"""Runs only where the published data sets are (MARKETWIN_SOURCE_DATA, or ../shared/data beside the repository)."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from demo.real.build import build
from tests.demo.published import REAL, SOURCE


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rebuilt")
    build(SOURCE, out)
    return out


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in (folder / "data").rglob("*") if path.is_file()}


def test_the_build_makes_exactly_the_shipped_files(rebuilt: Path) -> None:
    assert _names(rebuilt) == _names(REAL)


def test_the_build_repeats_each_shipped_table(rebuilt: Path) -> None:
    parquet = sorted(name for name in _names(REAL) if name.endswith(".parquet"))

    assert len(parquet) > 10
    for name in parquet:
        assert_frame_equal(pl.read_parquet(rebuilt / name), pl.read_parquet(REAL / name))


def test_the_build_repeats_each_shipped_text_file_byte_for_byte(rebuilt: Path) -> None:
    texts = sorted(name for name in _names(REAL) if name.endswith(".csv"))

    assert len(texts) == 7
    for name in texts:
        assert (rebuilt / name).read_bytes() == (REAL / name).read_bytes(), name
