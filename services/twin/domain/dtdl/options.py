"""What a caller may set: how lenient reading is, and how much it may take."""

from __future__ import annotations

from dataclasses import dataclass

from .language import VERSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Bounds are of one document but `most_faults`; sizes in bytes, depth in levels of JSON.

    allow_undefined_extensions: None is what the language does by default, in version 2 yes and in version 3 no.
    """

    versions: tuple[int, ...] = VERSIONS
    allow_undefined_extensions: bool | None = None
    most_bytes: int = 64 * 1024 * 1024
    deepest: int = 256
    most_faults: int = 1000
    most_steps: int = 5_000_000

    def __post_init__(self) -> None:
        if not self.versions or not set(self.versions) <= set(VERSIONS):
            raise ValueError(f"versions are of {VERSIONS}, not {self.versions}")
