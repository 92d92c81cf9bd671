"""What is made of a message has the members that the contract names, filled or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from pydantic import BaseModel

from gateway import schemas
from gateway.schemas.models import TwinMigration, TwinModel
from gateway.views.forecasts import annual_view, backtest_view, demand_view, training_view
from gateway.views.models import migration_view, model_view
from gateway.views.profiles import profile_view
from gateway.views.recommendations import recommendation_view
from gateway.views.records import erasure_view, kind_view, quarantine_view, receipt_view
from marketwin.forecast.v1 import types_pb2 as forecast
from marketwin.ingest.v1 import types_pb2 as ingest
from marketwin.profile.v1 import types_pb2 as profile
from marketwin.recommend.v1 import types_pb2 as recommend
from marketwin.twin.v1 import types_pb2 as twin

View = Callable[[Any], dict[str, Any]]
VIEWS: list[tuple[View, Message, type[BaseModel]]] = [
    (annual_view, forecast.AnnualForecast(interval=forecast.Interval()), schemas.AnnualForecast),
    (backtest_view, forecast.Backtest(), schemas.Backtest),
    (demand_view, forecast.DemandForecast(), schemas.DemandForecast),
    (training_view, forecast.Training(), schemas.Training),
    (migration_view, twin.Migration(state="done", steps_json="[]", first_misfits=[twin.Misfit()]), TwinMigration),
    (model_view, twin.Model(state="current", dtdl_json="{}"), TwinModel),
    (profile_view, profile.Profile(features=[profile.Feature()], purchases=[profile.Purchase()]), schemas.Profile),
    (
        recommendation_view,
        recommend.Recommendation(reasons=[recommend.Reason()], limits=[recommend.Limit()]),
        schemas.Recommendation,
    ),
    (erasure_view, ingest.Erasure(stores=[ingest.ErasedFrom()]), schemas.PrivacyRequest),
    (kind_view, ingest.Kind(json_schema="{}"), schemas.Kind),
    (quarantine_view, ingest.QuarantineItem(record_json="{}", reasons=[ingest.Reason()]), schemas.QuarantineItem),
    (receipt_view, ingest.Receipt(reasons=[ingest.Reason()]), schemas.Receipt),
]


@pytest.mark.parametrize(("view", "message", "shape"), VIEWS, ids=[shape.__name__ for _, _, shape in VIEWS])
def test_a_view_has_the_members_of_its_shape(view: View, message: Message, shape: type[BaseModel]) -> None:
    made = view(message)

    assert made.keys() == {field.alias or name for name, field in shape.model_fields.items()}
    shape.model_validate(made)
