"""Whom a message may be for (control C-01). There is no setting that widens it."""

from __future__ import annotations

from enum import StrEnum

import structlog

from chassis.errors import Invalid, Problem
from services.recommend.wecom.errcodes import AudienceRefused

log = structlog.get_logger(__name__)


class Audience(StrEnum):
    STAFF = "staff"
    PARTNER = "partner"
    RETAILER = "retailer"
    CONSUMER = "consumer"
    PUBLIC = "public"


class ContentClass(StrEnum):
    RECOMMENDATION = "recommendation"
    ALERT = "alert"
    REPORT = "report"
    SERVICE = "service"
    RECALL = "recall"


REFUSED = frozenset({Audience.CONSUMER, Audience.PUBLIC})


def permit(audience: Audience | str, content_class: ContentClass | str) -> None:
    """Raise AudienceRefused for consumers and unauthenticated readers, Invalid for a value that is neither known."""
    problems = [
        Problem(f"/{name}", "enum", f"must be one of {', '.join(kind)}")
        for name, kind, value in (("audience", Audience, audience), ("content_class", ContentClass, content_class))
        if value not in {member.value for member in kind}
    ]
    if problems:
        raise Invalid("name the audience and the content class of the message", errors=problems)
    if audience in REFUSED:
        log.warning("wecom.audience_refused", audience=str(audience), content_class=str(content_class))
        raise AudienceRefused("messages go to staff, partners and licensed retailers only (C-01)")
