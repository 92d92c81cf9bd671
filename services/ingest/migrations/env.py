"""Alembic environment of the ingest service."""

from chassis.db import run_migrations
from services.ingest.store import Base

run_migrations(Base.metadata)
