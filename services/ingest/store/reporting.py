"""The reports of the book in PostgreSQL."""

from __future__ import annotations

from datetime import date

from chassis.db import Database
from services.ingest.domain.keeping.fusion import FusionRule
from services.ingest.store import chains, differences, reports
from services.ingest.store.contradictions import contradictions
from services.ingest.usecases.reporting import Chain, ReportPage, ReportWanted


class PostgresReports:
    """Computes every report when it is asked for."""

    def __init__(self, db: Database, fusion: FusionRule) -> None:
        self._db = db
        self._fusion = fusion

    async def report(self, wanted: ReportWanted) -> ReportPage:
        if wanted.name == "contradictions":
            return await contradictions(self._db, wanted, self._fusion)
        return await reports.report(self._db, wanted)

    async def differences(self, wanted: ReportWanted) -> ReportPage:
        return await differences.differences(self._db, wanted)

    async def chain(self, kind: str, no: str, today: date) -> Chain | None:
        return await chains.chain(self._db, kind, no, today)
