"""Tables, queries and outbox rows of the recommend service."""

from services.recommend.store.postgres import PostgresStore
from services.recommend.store.tables import INBOX, OUTBOX, SCHEMA

__all__ = ["INBOX", "OUTBOX", "SCHEMA", "PostgresStore"]
