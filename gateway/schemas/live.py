"""Messages of the live stream, over WebSocket and as data of server-sent events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.problems import ProblemError
from gateway.schemas.base import Shape
from gateway.schemas.twins import Twin, TwinReadings


class Wanted(Shape):
    """Which twins are followed: those that fulfil everything that is given."""

    filter: str = Field(default="", description="RQL without related(); none: all")
    model: str = Field(default="", description="Name of a type; none: all")
    ids: list[str] = Field(default=[], max_length=1000, description="None: all")
    readings: bool = Field(default=False, description="Tell what is measured between changes, too; not with a filter")


class Subscribe(Shape):
    """The first and only message of a client over WebSocket."""

    subscribe: Wanted
    after: int | None = Field(default=None, description="Sequence to go on after; null: begin with a snapshot")


class FollowedTwin(Twin):
    deleted: bool = Field(default=False, description="The twin is no more; only without a filter")


class Snapshot(Shape):
    """Twins as they are. One can go on after the last part only."""

    type: Literal["snapshot"]
    sequence: int
    more: bool = Field(description="Another part follows")
    twins: list[FollowedTwin]


class Delta(Shape):
    """Twins that have changed; one without twins says how far the stream is."""

    type: Literal["delta"]
    sequence: int = Field(description="One can go on after it")
    twins: list[FollowedTwin] = Field(description="A revision that is not newer than the known one is old")
    gone: list[str] = Field(
        default=[],
        description="Ids of twins that no longer fulfil the filter; counts after `twins`; with a filter only",
    )


class ReadingsTold(Shape):
    """What is measured this moment: it has no sequence, and nothing is lost where one is missed."""

    type: Literal["readings"]
    twins: list[TwinReadings]


class LiveProblem(Shape):
    """Why the stream ends; over WebSocket the close code says so in short."""

    type: str = Field(description="`problem` over WebSocket, the URN of the problem as an event")
    problem: str = Field(default="", description="URN of the problem, over WebSocket")
    title: str
    status: int
    detail: str
    trace_id: str
    errors: list[ProblemError]
