"""The five errors of the house.

    ChassisError
    ├── NotFound      the thing is not there
    ├── Invalid       the request cannot be understood or breaks a rule
    ├── Conflict      the request is right, the state is not
    ├── Denied        the caller may not do this
    └── Unavailable   try again later

Domain and use cases raise them; `chassis.rpc` carries them over gRPC; the gateway turns them into RFC 9457 problems.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: JSON `pointer` to the place, `rule` that it breaks, `message` that says what to do."""

    pointer: str
    rule: str
    message: str


class ChassisError(Exception):
    """Base of the five; `code` names the case for machines, `errors` the single faults."""

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: list[Problem] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.errors = errors or []
        self.retry_after_s = retry_after_s

    def as_dict(self) -> dict[str, object]:
        """The error as plain values, as it travels between processes."""
        return {
            "type": type(self).__name__,
            "message": self.message,
            "code": self.code,
            "errors": [asdict(problem) for problem in self.errors],
            "retry_after_s": self.retry_after_s,
        }


class NotFound(ChassisError):
    default_code = "not_found"


class Invalid(ChassisError):
    """Codes with a status of their own at the gateway: `too_large` (413), `unsupported_type` (415)."""

    default_code = "invalid"


class Conflict(ChassisError):
    """Codes with a status of their own: `precondition_failed` (412), `precondition_required` (428)."""

    default_code = "conflict"


class Denied(ChassisError):
    default_code = "denied"


class Unavailable(ChassisError):
    default_code = "unavailable"


KINDS: dict[str, type[ChassisError]] = {
    kind.__name__: kind for kind in (NotFound, Invalid, Conflict, Denied, Unavailable)
}
