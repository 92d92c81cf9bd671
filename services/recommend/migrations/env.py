"""Alembic environment of the recommend service."""

from chassis.db import run_migrations
from services.recommend.store.tables import Base

run_migrations(Base.metadata)
