"""Alembic environment of the profile service."""

from chassis.db import run_migrations
from services.profile.store.tables import Base

run_migrations(Base.metadata)
