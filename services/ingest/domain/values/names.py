"""Product names and barcodes as tills write them: made comparable, compared, checked."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

ALIKE = 0.92
"""From this similarity on a name is proposed for a product; a person approves it (DQ-10)."""
_NOISE = re.compile(r"[\W_]+")
_EAN_13 = re.compile(r"[0-9]{13}")
MAX_NAME = 80
_CANDIDATES = 20


def normalised(name: str) -> str:
    """A name without what people vary: width and case of characters, blanks, brackets, points."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", name).lower())[:MAX_NAME]


def is_ean_13(code: str) -> bool:
    """Whether a text is an EAN-13 with the right check digit (GS1 General Specifications, section 7.9)."""
    if not _EAN_13.fullmatch(code):
        return False
    digits = [int(digit) for digit in code]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def looks_like_ean_13(code: str) -> bool:
    return bool(_EAN_13.fullmatch(code))


class NameIndex:
    """Codes by normalised name, and the most similar of them to a name that is not there."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._pairs: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def note(self, name: str, code: str) -> None:
        short = normalised(name)
        if short:
            self._codes[short] = code
            for pair in _pairs(short):
                self._pairs.setdefault(pair, set()).add(short)

    def exact(self, name: str) -> str | None:
        return self._codes.get(normalised(name))

    def nearest(self, name: str) -> tuple[str, float] | None:
        """The code of the most similar name and how similar it is, 0 to 1, from `ALIKE` on.

        Ratcliff/Obershelp similarity (2 M / T, as in difflib) of the names that share most pairs of characters.
        """
        short = normalised(name)
        shared: dict[str, int] = {}
        for pair in _pairs(short):
            for other in self._pairs.get(pair, ()):
                shared[other] = shared.get(other, 0) + 1
        best = sorted(shared, key=lambda other: (-shared[other], other))[:_CANDIDATES]
        rated = [(SequenceMatcher(None, short, other, autojunk=False).ratio(), other) for other in best]
        if not rated:
            return None
        score, other = max(rated)
        return (self._codes[other], score) if score >= ALIKE else None


def _pairs(short: str) -> set[str]:
    return {short[place : place + 2] for place in range(max(1, len(short) - 1))} if short else set()
