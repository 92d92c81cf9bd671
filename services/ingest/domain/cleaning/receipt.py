"""What the door says about a batch: how many records went where, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that fired: `pointer` to the first place, on how many records, and what to do."""

    pointer: str
    rule: str
    count: int
    message: str
    severity: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was set aside or refused; `record_json` holds it with personal data masked."""

    line: int
    severity: str
    record_json: str
    reasons: tuple[Reason, ...]


# There is one a body, and most bodies are one record.
class Receipt(msgspec.Struct, frozen=True):
    """sent = accepted + quarantined + rejected + duplicates; `repaired` counts some of the accepted."""

    batch_id: str
    accepted: int
    repaired: int
    quarantined: int
    rejected: int
    duplicates: int
    reasons: tuple[Reason, ...] = ()
    spooled: bool = False
    """Durable at the door itself: the log was away and hears of the records when it is back."""

    @property
    def sent(self) -> int:
        return self.accepted + self.quarantined + self.rejected + self.duplicates

    def as_repeated(self) -> Receipt:
        """The receipt of the same batch sent again: every record of it is a duplicate."""
        return Receipt(self.batch_id, 0, 0, 0, 0, self.sent)

    def with_repeated(self, accepted: int, repaired: int) -> Receipt:
        """The receipt when some of the accepted were in the log already."""
        return replace(
            self,
            accepted=self.accepted - accepted,
            repaired=self.repaired - repaired,
            duplicates=self.duplicates + accepted,
        )


def most_frequent_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Reasons in the order of a receipt."""
    return tuple(sorted(reasons, key=lambda reason: (-reason.count, reason.rule, reason.pointer)))
