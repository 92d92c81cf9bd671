"""The one table of the benchmarks of twins: ours beside a peer's, in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = (
    f"{'':<52} {'count':>7} {'ours µs':>10} {'CPU µs':>9} {'peer µs':>12} {'CPU µs':>12} {'ratio':>8} {'of CPU':>8}"
    "  asked"
)
NOTES = """
µs: seconds from the first to the last by the count; CPU µs: of every process at work, ours and its servers, or the peer
and its server; the client that asks over HTTP counts nowhere. ratio: how many times as fast ours is, by either."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many operations cost all processes that worked on them."""

    operations: int
    wall_s: float
    cpu_s: float

    @property
    def wall_us(self) -> float:
        return self.wall_s / self.operations * 1e6

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.operations * 1e6


def show(what: str, ours: Cost, peer: Cost | None = None, asked: str = "") -> None:
    """A line of the table."""
    beside = f"{'':>12} {'':>12} {'':>8} {'':>8}"
    if peer is not None:
        ratios = (peer.wall_us / ours.wall_us, peer.cpu_us / ours.cpu_us)
        beside = f"{peer.wall_us:>12,.1f} {peer.cpu_us:>12,.1f} {ratios[0]:>7,.1f}× {ratios[1]:>7,.1f}×"
    line = f"{what:<52} {ours.operations:>7,} {ours.wall_us:>10,.1f} {ours.cpu_us:>9,.1f} {beside}  {asked}"
    print(line.rstrip(), flush=True)


def say(text: str) -> None:
    print(text, flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]
