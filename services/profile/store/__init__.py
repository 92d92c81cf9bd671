"""Tables, queries and outbox rows of the profile service."""

from services.profile.store.postgres import PostgresStore
from services.profile.store.tables import INBOX, OUTBOX, SCHEMA

__all__ = ["INBOX", "OUTBOX", "SCHEMA", "PostgresStore"]
