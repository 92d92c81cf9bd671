"""gRPC: message to use case to message, a file a topic."""

from __future__ import annotations

from collections.abc import Mapping

from marketwin.ingest.v1 import service_pb2_grpc
from services.ingest.rpc.erasure import Erasing
from services.ingest.rpc.lineage import Lineages
from services.ingest.rpc.quality import Quality
from services.ingest.rpc.quarantine import Quarantine
from services.ingest.rpc.records import Records
from services.ingest.rpc.reports import BookReports
from services.ingest.rpc.scada import Scada
from services.ingest.rpc.templates import Templates
from services.ingest.rpc.webhooks import WebhookDeliveries
from services.ingest.sources import Connection, Webhooks
from services.ingest.usecases import Erasures, FrontDoor, MinuteStore, Shelf, Store
from services.ingest.usecases.lineage import Trail
from services.ingest.usecases.reporting import Reports


class IngestServicer(
    Records,
    Quality,
    Quarantine,
    BookReports,
    Lineages,
    Erasing,
    WebhookDeliveries,
    Templates,
    Scada,
    service_pb2_grpc.IngestServiceServicer,
):
    """The front door for data, and the book of records."""

    def __init__(  # noqa: PLR0913  # one each of what the methods need
        self,
        door: FrontDoor,
        store: Store,
        *,
        shelf: Shelf,
        reports: Reports,
        trail: Trail,
        connections: Mapping[str, Connection],
        webhooks: Webhooks,
        erasures: Erasures,
        minutes: MinuteStore,
    ) -> None:
        self._door = door
        self._reports = reports
        self._trail = trail
        self._store = store
        self._shelf = shelf
        self._connections = connections
        self._webhooks = webhooks
        self._erasures = erasures
        self._minutes = minutes
