"""The tables of every service: every step can be taken back, and the last leads to what the code expects.

Those of ingest, whose kinds are many, are looked at in its own tests.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from chassis.db import Database, database
from chassis.testing import fresh_database
from deploy.servers import Servers
from services.forecast.store import tables as forecast
from services.profile.store import tables as profile
from services.recommend.store import tables as recommend
from services.twin.store import tables as twin

SERVICES = {"forecast": forecast, "profile": profile, "recommend": recommend, "twin": twin}


@pytest.mark.parametrize("name", SERVICES)
async def test_every_step_goes_down_and_the_last_one_up_to_the_tables_of_the_service(
    name: str, shared_servers: Servers
) -> None:
    tables: ModuleType = SERVICES[name]
    folder = Path(str(tables.__file__)).parents[1] / "migrations"
    steps = sorted(path.name[:4] for path in (folder / "versions").glob("[0-9]*.py"))

    async with fresh_database(shared_servers.postgres_url) as url, database(url, tables.SCHEMA) as db:
        await db.migrate(folder)
        left = []
        for step in steps:
            await db.revise(folder, "base")
            left.append(await _columns(db))
            await db.revise(folder, step)
        made = await _columns(db)

    assert steps
    assert left == [{}] * len(steps)
    assert made == {
        table.name: {column.name for column in table.columns} for table in tables.Base.metadata.sorted_tables
    }


async def _columns(db: Database) -> dict[str, set[str]]:
    """The columns of every table, but for that in which migrations keep where they are."""

    def look(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        names = inspector.get_table_names(schema=db.schema)
        found = {name: {each["name"] for each in inspector.get_columns(name, schema=db.schema)} for name in names}
        return {name: columns for name, columns in found.items() if name != "migration"}

    async with db.engine.connect() as connection:
        return await connection.run_sync(look)
