"""Frames in the shape that COPY and the JSON columns need."""

from __future__ import annotations

import polars as pl

NO_TEXT = "\ufffd"
"""Stands for the null character, which neither text nor JSON of the database can hold."""


def for_copy(frame: pl.DataFrame, without: str = "") -> pl.DataFrame:
    """A frame whose lists are JSON text; columns in which nothing stands are left to their default, null."""
    rules = pl.col("quality_rules")
    joined = pl.concat_str(pl.lit('["'), rules.list.join('","'), pl.lit('"]'))
    kept = [name for name in frame.columns if name != without and frame.get_column(name).null_count() < frame.height]
    texts = pl.when(rules.list.len() > 0).then(joined).otherwise(pl.lit("[]")).alias("quality_rules")
    return frame.select(kept).with_columns(texts) if "quality_rules" in kept else frame.select(kept)


def as_json(frame: pl.DataFrame, without: str = "") -> pl.Series:
    """Each record as the text of a JSON object that the database can hold."""
    columns = [name for name in frame.columns if name != without]
    return storable_json(frame.select(pl.struct(columns).struct.json_encode()).to_series())


def storable_json(texts: pl.Series) -> pl.Series:
    """JSON texts without null characters; an escaped backslash before `u0000` is none."""
    # Twice: of two that stand side by side, a pass takes the first.
    for _ in range(2):
        texts = texts.str.replace_all(r"((?:^|[^\\])(?:\\\\)*)\\u0000", "${1}" + NO_TEXT)
    return texts
