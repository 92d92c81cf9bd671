"""What is around a twin."""

from __future__ import annotations

from chassis.errors import NotFound
from services.twin.domain.neighbourhood import Neighbourhood, Walk
from services.twin.usecases.twins import Store


async def walk_relations(store: Store, walk: Walk) -> Neighbourhood:
    """The twins and relations around one; NotFound when it is not there."""
    found = await store.around(walk)
    if walk.twin_id not in found.twins:
        raise NotFound(f"there is no twin {walk.twin_id}", code="twin_not_found")
    return found
