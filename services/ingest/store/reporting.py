"""The reports of the book in PostgreSQL."""

from __future__ import annotations

from datetime import date

from chassis.db import Database
from services.ingest.store import chains, differences, reports
from services.ingest.usecases.reporting import Chain, ReportPage, ReportWanted


class PostgresReports:
    """Computes every report when it is asked for."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def report(self, wanted: ReportWanted) -> ReportPage:
        return await reports.report(self._db, wanted)

    async def differences(self, wanted: ReportWanted) -> ReportPage:
        return await differences.differences(self._db, wanted)

    async def chain(self, kind: str, no: str, today: date) -> Chain | None:
        return await chains.chain(self._db, kind, no, today)
