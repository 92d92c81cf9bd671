"""Alembic environment of the forecast service."""

from chassis.db import run_migrations
from services.forecast.store.tables import Base

run_migrations(Base.metadata)
