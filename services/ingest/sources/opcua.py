"""OPC UA: nodes of a server become samples.

What the server kept while the connection was away is read from its history. Where it keeps none, the gap is said and
stays a gap. A notification is acknowledged to the server when its samples are on disk.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import Subscription
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

from services.ingest.domain.scada.tags import Tag
from services.ingest.sources.connection import Connection, Intake, SourceAway
from services.ingest.sources.sample_journal import Row
from services.ingest.sources.samples import Collector, asked_from, first_of, tag_of

log = structlog.get_logger()

QUEUED = 60
"""Values that the server keeps for each node between two notifications."""
SUBSCRIBED_AT_ONCE = 500
HISTORY_AT_ONCE = 8
HISTORY_VALUES = 5000
MAX_BROWSED = 20_000
MAX_DEPTH = 12
REQUEST_TIMEOUT_S = 30.0
"""A busy server answers late; one that is gone closes the connection or is found out by this."""
ALIVE_EVERY_S = 1.0
_QUALITIES = ("good", "uncertain", "bad", "bad")
_OBJECTS_AND_VARIABLES: Any = ua.NodeClass.Object | ua.NodeClass.Variable
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # asyncua speaks naive UTC


async def run(connection: Connection, intake: Intake) -> None:
    """Subscribes to the nodes and brings their samples, until the server or the door is away."""
    since = asked_from(await intake.recall())
    collector = Collector(connection, intake)
    await collector.run(_hear(connection, collector, since))


async def _hear(connection: Connection, collector: Collector, since: datetime | None) -> None:
    options = connection.options
    client = Client(options["address"], timeout=REQUEST_TIMEOUT_S, watchdog_intervall=ALIVE_EVERY_S)
    if options["username"]:
        client.set_user(options["username"])
        client.set_password(options["password"].get_secret_value() if options["password"] else "")
    lost = asyncio.Event()

    async def on_lost(_error: Exception) -> None:
        lost.set()

    client.connection_lost_callback = on_lost
    try:
        if options["security"]:
            await client.set_security_string(options["security"])
        async with client:
            tags = await _tags(client, options)
            collector.know(list(tags.values()))
            heard = _Heard()
            listener = await _subscribed(client, options["publish_ms"], tags)
            if since is not None:
                # After subscribing and before listening: the history ends where the notifications begin.
                await _catch_up(client, connection, collector, tags, (since, heard))
            log.info("scada.connected", connection=connection.name, topics=len(tags))
            await first_of(lost.wait(), listener.keep(collector, heard))
            raise SourceAway("the server closed the connection")
    except UaError as error:
        raise SourceAway(f"the server refused a request: {type(error).__name__}") from None
    except (OSError, TimeoutError, ConnectionError):
        raise SourceAway("the server does not answer; check address, port and network") from None


async def _tags(client: Client, options: dict[str, Any]) -> dict[str, Tag]:
    """The tags by node id: those listed, and those found below a folder."""
    tags = {group["node"]: tag_of(group) for group in options["tags"] or ()}
    for group in options["browse"] or ():
        async for node, path in _variables(client.get_node(group["folder"]), ()):
            name = ".".join((group["tag"], *path))
            if node.nodeid.to_string() not in tags and name.startswith(group["prefix"] or ""):
                machine = group["machine"] or ".".join((group["tag"], *path)[:-1])
                tags[node.nodeid.to_string()] = tag_of(group, tag=name, machine=machine)
            if len(tags) > MAX_BROWSED:
                raise SourceAway(f"more than {MAX_BROWSED} nodes; name a smaller folder or a prefix")
    if not tags:
        raise SourceAway("there is no node to subscribe to; name tags or another folder")
    return tags


async def _variables(node: Node, path: tuple[str, ...]) -> Any:
    """Variables below a node with their path of names."""
    for found in await node.get_children_descriptions(nodeclassmask=_OBJECTS_AND_VARIABLES):
        below = Node(node.session, found.NodeId)
        names = (*path, str(found.BrowseName.Name).replace(".", "-"))
        if found.NodeClass == ua.NodeClass.Variable:
            yield below, names
        elif len(names) < MAX_DEPTH:
            async for each in _variables(below, names):
                yield each


@dataclass(slots=True)
class _Heard:
    """What was heard of each tag last, so that nothing is taken twice."""

    newest_us: dict[str, int] = field(default_factory=dict)

    def rows(self, values: Iterable[tuple[str, Any]]) -> list[Row]:
        rows = []
        for tag, value in values:
            at_us = _moment(value)
            if at_us is not None and at_us > self.newest_us.get(tag, -1):
                self.newest_us[tag] = at_us
                rows.append((tag, at_us, *_reading(value)))
        return rows


class _Listener(Subscription):
    """A subscription that hands over whole notifications; the library's own makes a task of every value."""

    by_handle: dict[int, str]
    told: asyncio.Queue[tuple[list[tuple[str, Any]], asyncio.Future[None]]]

    async def publish_callback(self, publish_result: ua.PublishResult) -> None:
        """Returns, and so acknowledges, when the samples are on disk."""
        for notification in publish_result.NotificationMessage.NotificationData or ():
            if isinstance(notification, ua.DataChangeNotification):
                values = [(self.by_handle[item.ClientHandle], item.Value) for item in notification.MonitoredItems]
                kept = asyncio.get_running_loop().create_future()
                self.told.put_nowait((values, kept))
                await kept

    async def keep(self, collector: Collector, heard: _Heard) -> None:
        """Brings what is told to disk, for ever. Not in the callback: the library would swallow what it raises."""
        while True:
            values, kept = await self.told.get()
            await collector.keep(heard.rows(values))
            kept.set_result(None)


async def _subscribed(client: Client, interval_ms: int, tags: dict[str, Tag]) -> _Listener:
    """A subscription to every node."""
    parameters = ua.CreateSubscriptionParameters()
    parameters.RequestedPublishingInterval = interval_ms
    parameters.RequestedLifetimeCount = 10_000
    parameters.RequestedMaxKeepAliveCount = client.get_keepalive_count(interval_ms)
    parameters.MaxNotificationsPerPublish = 10_000
    parameters.PublishingEnabled = True
    listener = _Listener(client.uaclient.session, parameters, _NOBODY)
    listener.told, listener.by_handle = asyncio.Queue(), {}
    await listener.init()
    nodes = list(tags)
    for start in range(0, len(nodes), SUBSCRIBED_AT_ONCE):
        await _monitor(
            client, listener, start, {node: tags[node] for node in nodes[start : start + SUBSCRIBED_AT_ONCE]}
        )
    return listener


class _Nobody:
    """The listener hears everything itself."""

    def datachange_notification(self, node: Node, val: Any, data: Any) -> None:
        """Never called."""


_NOBODY = _Nobody()


async def _monitor(client: Client, listener: _Listener, start: int, tags: dict[str, Tag]) -> None:
    request = ua.CreateMonitoredItemsParameters()
    request.SubscriptionId = listener.subscription_id
    request.TimestampsToReturn = ua.TimestampsToReturn.Both
    for handle, (node, tag) in enumerate(tags.items(), start):
        wanted = ua.MonitoredItemCreateRequest()
        wanted.ItemToMonitor.NodeId = ua.NodeId.from_string(node)
        wanted.ItemToMonitor.AttributeId = AttributeIds.Value
        wanted.MonitoringMode = ua.MonitoringMode.Reporting
        wanted.RequestedParameters.ClientHandle = handle
        wanted.RequestedParameters.SamplingInterval = min(tag.period_ms / 2, 1000)
        wanted.RequestedParameters.QueueSize = QUEUED
        wanted.RequestedParameters.DiscardOldest = True
        request.ItemsToCreate.append(wanted)
        listener.by_handle[handle] = tag.tag
    results = await client.uaclient.session.create_monitored_items(request)
    refused = [node for node, result in zip(tags, results, strict=True) if not result.StatusCode.is_good()]
    if refused:
        raise SourceAway(f"the server does not know {len(refused)} of the nodes, {refused[0]} among them")


async def _catch_up(
    client: Client,
    connection: Connection,
    collector: Collector,
    tags: dict[str, Tag],
    told: tuple[datetime, _Heard],
) -> None:
    """Reads the history of every node since it was heard last; says which tags have none."""
    since, heard = told
    gate = asyncio.Semaphore(HISTORY_AT_ONCE)
    until = datetime.now(UTC)
    silent: list[str] = []

    async def read(node: str, tag: Tag) -> None:
        async with gate:
            try:
                values = await client.get_node(node).read_raw_history(
                    since.astimezone(UTC).replace(tzinfo=None),
                    until.replace(tzinfo=None),
                    HISTORY_VALUES,
                    return_bounds=False,
                )
            except UaError:
                values = []
            # The time asked for begins before the newest sample: where not even that one is kept, nothing is.
            if not values:
                silent.append(tag.tag)
            await collector.keep(heard.rows((tag.tag, value) for value in sorted(values, key=_moment_or_zero)))

    await asyncio.gather(*(read(node, tag) for node, tag in tags.items()))
    if silent:
        log.warning(
            "scada.gap",
            connection=connection.name,
            tags=len(silent),
            from_at=since.isoformat(),
            to_at=until.isoformat(),
        )


def _moment(value: Any) -> int | None:
    """Microseconds since 1970 of a value, by its source where it says, else by its server."""
    at = value.SourceTimestamp or value.ServerTimestamp if value is not None else None
    if at is None:
        return None
    return int((at.replace(tzinfo=None) - _EPOCH) // _MICROSECOND)


def _moment_or_zero(value: Any) -> int:
    return _moment(value) or 0


def _reading(value: Any) -> tuple[float | None, str]:
    """Value and quality; what is no finite number is bad."""
    status = value.StatusCode
    quality = _QUALITIES[(status.value >> 30) & 3] if status is not None else "good"
    read = value.Value.Value if value.Value is not None else None
    if not isinstance(read, int | float) or not math.isfinite(read):
        return None, "bad"
    return float(read), quality
