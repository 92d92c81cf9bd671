"""The one table of the benchmarks of the front door."""

from __future__ import annotations

from dataclasses import dataclass

from bench.ingest.load import Load

HEAD = (
    f"{'':<48} {'records':>9} {'s':>7} {'records/s':>9} {'µs own':>8} {'µs all':>8} {'per core':>9} "
    f"{'+ gateway':>9} {'p50 ms':>7} {'p99 ms':>7}  asked"
)
NOTES = """
µs own, µs all: CPU a record of the process that does the work, and of everything but the sender.
per core: records a CPU second of that process; + gateway: of it and the gateway together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `worker` names the process that does the work."""

    what: str
    load: Load
    worker: str
    asked: str = ""

    def text(self) -> str:
        load, own = self.load, self.load.cpu_s[self.worker]
        both = own + load.cpu_s["gateway"] if "gateway" in load.cpu_s else None
        return (
            f"{self.what:<48} {load.records:>9,} {load.wall_s:>7.1f} {load.records / load.wall_s:>9,.0f} "
            f"{own / load.records * 1e6:>8.1f} {sum(load.cpu_s.values()) / load.records * 1e6:>8.1f} "
            f"{load.records / own:>9,.0f} {'' if both is None else f'{load.records / both:,.0f}':>9} "
            f"{self._ms(0.5)} {self._ms(0.99)}  {self.asked}"
        ).rstrip()

    def _ms(self, share: float) -> str:
        return f"{self.load.quantile(share):>7.1f}" if self.load.latencies_ms else f"{'':>7}"


def show(row: Row) -> None:
    print(row.text(), flush=True)


def show_ratio(what: str, ratio: float, asked: str) -> None:
    """A line that compares two others."""
    print(f"{what:<48} {'':>9} {f'{ratio:.1f} ×':>7} {'':>66}  {asked}", flush=True)
