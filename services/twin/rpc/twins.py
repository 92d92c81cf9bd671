"""Twins: read, write, past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chassis.errors import Invalid, Problem
from chassis.rql.parser import parse_condition
from chassis.rql.search import search_for, summary_of
from chassis.rql.selection import parse_select, projected
from chassis.telemetry import trace_id
from marketwin.twin.v1 import service_pb2 as pb
from services.twin import usecases
from services.twin.domain.past import Range
from services.twin.domain.twins import Origin
from services.twin.rpc.asking import json_object, moment_of
from services.twin.usecases import Precondition, Store
from services.twin.wire import change_message, json_text, shown_twin, twin_message

MAX_PAGE = 1000
MAX_IDS = 256
DEFAULT_PAGE = 100
TIMES = ("changed_from", "changed_to", "known_from", "known_to")


class Twins:
    """Answers what each thing is and was."""

    _store: Store
    _now: Callable[[], datetime]

    async def GetTwin(self, request: pb.GetTwinRequest, context: Any) -> pb.GetTwinResponse:
        revision = request.revision if request.HasField("revision") else None
        at, known_at = (moment_of(request, name) for name in ("at", "known_at"))
        twin = await usecases.get_twin(self._store, request.id, revision, at=at, known_at=known_at)
        return pb.GetTwinResponse(twin=twin_message(twin))

    async def ReadTwins(self, request: pb.ReadTwinsRequest, context: Any) -> pb.ReadTwinsResponse:
        if len(request.ids) > MAX_IDS:
            problem = Problem("/ids", "too_large", f"at most {MAX_IDS} ids at once")
            raise Invalid("too many twins are asked for at once", errors=[problem])
        return pb.ReadTwinsResponse(twins=await self._store.messages(list(request.ids)))

    async def ListTwins(self, request: pb.ListTwinsRequest, context: Any) -> pb.ListTwinsResponse:
        selected = parse_select(request.select)
        search = search_for(
            model=request.model,
            ids=list(request.ids),
            filter_text=request.filter,
            sort=request.sort,
            cursor=request.cursor,
            limit=_page(request.page_size),
        )
        found, cursor = await usecases.find_twins(self._store, search)
        if selected:
            texts = [json_text(projected(shown_twin(twin), selected)) for twin in found]
            return pb.ListTwinsResponse(selected_json=texts, next_cursor=cursor)
        return pb.ListTwinsResponse(twins=found, next_cursor=cursor)

    async def AggregateTwins(self, request: pb.AggregateTwinsRequest, context: Any) -> pb.AggregateTwinsResponse:
        summary = summary_of(
            model=request.model, filter_text=request.filter, group_by=request.group_by, aggregate=request.aggregate
        )
        groups, has_more = await usecases.summarise_twins(self._store, summary)
        return pb.AggregateTwinsResponse(groups_json=groups, has_more=has_more)

    async def PutTwin(self, request: pb.PutTwinRequest, context: Any) -> pb.PutTwinResponse:
        twin, created = await usecases.put_twin(
            self._store,
            request.id,
            json_object(request.body_json),
            _precondition(request.precondition),
            self._by(request.written_by),
        )
        return pb.PutTwinResponse(twin=twin_message(twin), created=created)

    async def PatchTwin(self, request: pb.PatchTwinRequest, context: Any) -> pb.PatchTwinResponse:
        twin = await usecases.patch_twin(
            self._store,
            request.id,
            json_object(request.patch_json),
            _precondition(request.precondition),
            self._by(request.written_by),
        )
        return pb.PatchTwinResponse(twin=twin_message(twin))

    async def DeleteTwin(self, request: pb.DeleteTwinRequest, context: Any) -> pb.DeleteTwinResponse:
        revision = await usecases.delete_twin(
            self._store, request.id, _precondition(request.precondition), self._by(request.written_by)
        )
        return pb.DeleteTwinResponse(revision=revision)

    async def ListHistory(self, request: pb.ListHistoryRequest, context: Any) -> pb.ListHistoryResponse:
        bounds = {name: moment_of(request, name) for name in TIMES}
        wanted = Range(
            from_revision=request.from_revision or None,
            to_revision=request.to_revision or None,
            newest_first=request.newest_first,
            **bounds,
        )
        changes, following = await usecases.list_history(
            self._store, request.id, wanted, cursor=request.cursor, limit=_page(request.page_size)
        )
        return pb.ListHistoryResponse(changes=[change_message(change) for change in changes], next_revision=following)

    async def CountTwins(self, request: pb.CountTwinsRequest, context: Any) -> pb.CountTwinsResponse:
        return pb.CountTwinsResponse(count_by_model=await self._store.count())

    def _by(self, user: str) -> Origin:
        now = self._now()
        return Origin.of(now, now, f"user:{user}", trace_id())


def _page(asked: int) -> int:
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def _precondition(asked: pb.Precondition) -> Precondition:
    return Precondition(
        asked.revision if asked.HasField("revision") else None,
        asked.must_exist,
        parse_condition(asked.condition) if asked.condition else None,
    )
