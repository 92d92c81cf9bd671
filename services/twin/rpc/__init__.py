"""gRPC: message to use case to message, a file a topic."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from marketwin.twin.v1 import service_pb2_grpc
from services.twin.rpc.fusion import Fusions
from services.twin.rpc.models import Models
from services.twin.rpc.relations import Relations
from services.twin.rpc.twins import Twins
from services.twin.usecases import FusionRuleStore, ModelStore, Store


class TwinServicer(Twins, Relations, Fusions, Models, service_pb2_grpc.TwinServiceServicer):
    """What each thing is and was."""

    def __init__(self, store: Store, models: ModelStore, rules: FusionRuleStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._models = models
        self._rules = rules
        self._now = now
