"""Alembic environment of the twin service."""

from chassis.db import run_migrations
from services.twin.store import Base

run_migrations(Base.metadata)
