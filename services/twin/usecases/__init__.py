"""What the twin service can do."""

from __future__ import annotations

from services.twin.usecases.taking import Part, Taken, seed, take_in_records
from services.twin.usecases.twins import (
    Precondition,
    Store,
    Unit,
    delete_twin,
    find_twins,
    get_twin,
    list_history,
    patch_twin,
    put_twin,
    summarise_twins,
)

__all__ = [
    "Part",
    "Precondition",
    "Store",
    "Taken",
    "Unit",
    "delete_twin",
    "find_twins",
    "get_twin",
    "list_history",
    "patch_twin",
    "put_twin",
    "seed",
    "summarise_twins",
    "take_in_records",
]
