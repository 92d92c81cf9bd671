"""gRPC: message to use case to message."""

from __future__ import annotations

from typing import Any

from chassis.telemetry import carry, trace_id
from marketwin.profile.v1 import service_pb2 as pb
from marketwin.profile.v1 import service_pb2_grpc
from services.profile import usecases
from services.profile.usecases import Cause, Filter, Renewer
from services.profile.wire import (
    GROWTH_NAMES,
    GROWTH_TYPES,
    ProfileWriter,
    cycle_text,
    explanation_message,
    purchases_by_retailer,
)

MAX_PAGE = 1000
DEFAULT_PAGE = 100


class ProfileServicer(service_pb2_grpc.ProfileServiceServicer):
    """Answers who the retail customers are."""

    def __init__(self, renewer: Renewer, writer: ProfileWriter) -> None:
        self._renewer = renewer
        self._store = renewer.store
        self._writer = writer

    async def GetProfile(self, request: pb.GetProfileRequest, context: Any) -> pb.GetProfileResponse:
        row, purchases = await usecases.get_profile(self._store, request.retailer)
        bought = purchases_by_retailer(purchases).get(request.retailer)
        return pb.GetProfileResponse(profile=self._writer.message(row, bought))

    async def ListProfiles(self, request: pb.ListProfilesRequest, context: Any) -> pb.ListProfilesResponse:
        wanted = Filter(
            growth_type=GROWTH_NAMES[request.growth_type] if request.growth_type else "",
            is_key=request.is_key if request.HasField("is_key") else None,
            account_manager=request.account_manager,
            adcode=request.adcode,
        )
        rows, cursor, total = await usecases.list_profiles(
            self._store,
            wanted,
            after=request.cursor,
            limit=min(request.page_size or DEFAULT_PAGE, MAX_PAGE),
            with_total=request.with_total,
        )
        return pb.ListProfilesResponse(
            profiles=[self._writer.message(row) for row in rows], next_cursor=cursor, total=total
        )

    async def ExplainProfile(self, request: pb.ExplainProfileRequest, context: Any) -> pb.ExplainProfileResponse:
        reasons, version, labels = await usecases.explain_profile(self._store, request.retailer, self._renewer.rules)
        return pb.ExplainProfileResponse(
            explanations=[explanation_message(reason) for reason in reasons],
            model_version=version,
            labels=[
                pb.LabelChange(cycle=cycle_text(cycle), growth_type=GROWTH_TYPES[growth_type])
                for cycle, growth_type in labels
            ],
        )

    async def SetKeyFlag(self, request: pb.SetKeyFlagRequest, context: Any) -> pb.SetKeyFlagResponse:
        row, purchases = await usecases.set_key_flag(
            self._renewer,
            request.retailer,
            is_key=request.is_key if request.HasField("is_key") else None,
            reason=request.reason,
            set_by=request.set_by,
            why=Cause(trace_id(), carry().get("traceparent", "")),
        )
        bought = purchases_by_retailer(purchases).get(request.retailer)
        return pb.SetKeyFlagResponse(profile=self._writer.message(row, bought))
