"""What the twin service can do."""

from __future__ import annotations

from services.twin.usecases.fusion import (
    FusionRuleStore,
    Place,
    Shown,
    follow_rules,
    get_fusion,
    list_fusion_rules,
    set_fusion_rule,
)
from services.twin.usecases.past import drop_history, get_twin, list_history
from services.twin.usecases.relations import walk_relations
from services.twin.usecases.taking import Part, Taken, seed, take_in_records
from services.twin.usecases.twins import (
    Precondition,
    Store,
    Unit,
    delete_twin,
    find_twins,
    patch_twin,
    put_twin,
    summarise_twins,
)

__all__ = [
    "FusionRuleStore",
    "Part",
    "Place",
    "Precondition",
    "Shown",
    "Store",
    "Taken",
    "Unit",
    "delete_twin",
    "drop_history",
    "find_twins",
    "follow_rules",
    "get_fusion",
    "get_twin",
    "list_fusion_rules",
    "list_history",
    "patch_twin",
    "put_twin",
    "seed",
    "set_fusion_rule",
    "summarise_twins",
    "take_in_records",
    "walk_relations",
]
