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
from services.twin.usecases.models import (
    Asked,
    ModelStore,
    Version,
    add_files,
    add_models,
    cancel_migration,
    delete_model,
    get_migration,
    get_versions,
    list_migrations,
    list_versions,
)
from services.twin.usecases.moving import MovingStore, migrate_some
from services.twin.usecases.past import drop_history, get_twin, list_history
from services.twin.usecases.relations import walk_relations
from services.twin.usecases.taking import Part, Taken, seed, take_in_records
from services.twin.usecases.twins import (
    Deciding,
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
    "Asked",
    "Deciding",
    "FusionRuleStore",
    "ModelStore",
    "MovingStore",
    "Part",
    "Place",
    "Precondition",
    "Shown",
    "Store",
    "Taken",
    "Unit",
    "Version",
    "add_files",
    "add_models",
    "cancel_migration",
    "delete_model",
    "delete_twin",
    "drop_history",
    "find_twins",
    "follow_rules",
    "get_fusion",
    "get_migration",
    "get_twin",
    "get_versions",
    "list_fusion_rules",
    "list_history",
    "list_migrations",
    "list_versions",
    "migrate_some",
    "patch_twin",
    "put_twin",
    "seed",
    "set_fusion_rule",
    "summarise_twins",
    "take_in_records",
    "walk_relations",
]
