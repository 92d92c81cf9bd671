"""The balance, the rules and the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketwin.ingest.v1 import service_pb2 as pb
from services.ingest import usecases
from services.ingest.sources import CONNECTORS, Connection, ask_for_run
from services.ingest.usecases import FrontDoor, Store
from services.ingest.wire import balance_message, day_message, rule_count_message, rule_message, source_message


class Quality:
    """Methods of the balance, the rules and the sources."""

    _door: FrontDoor
    _store: Store
    _connections: Mapping[str, Connection]

    async def GetQuality(self, request: pb.GetQualityRequest, context: Any) -> pb.GetQualityResponse:
        return pb.GetQualityResponse(balances=map(balance_message, await usecases.list_balances(self._store)))

    async def GetQualityDays(self, request: pb.GetQualityDaysRequest, context: Any) -> pb.GetQualityDaysResponse:
        days, rules = await usecases.get_quality_days(
            self._store, source=request.source, days=(request.from_date, request.to_date), now=self._door.now()
        )
        return pb.GetQualityDaysResponse(days=map(day_message, days), rules=map(rule_count_message, rules))

    async def ListRules(self, request: pb.ListRulesRequest, context: Any) -> pb.ListRulesResponse:
        return pb.ListRulesResponse(rules=map(rule_message, usecases.list_rules()))

    async def ListSources(self, request: pb.ListSourcesRequest, context: Any) -> pb.ListSourcesResponse:
        found = await usecases.list_sources(
            self._store, self._door.mappings, list(self._connections), now=self._door.now()
        )
        return pb.ListSourcesResponse(sources=map(source_message, found))

    async def RunConnection(self, request: pb.RunConnectionRequest, context: Any) -> pb.RunConnectionResponse:
        asked = await ask_for_run(self._connections, CONNECTORS, self._store.note_news, request.name)
        return pb.RunConnectionResponse(source=asked.source)
