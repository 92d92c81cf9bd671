"""`If-Match` and `If-None-Match`: which revision a reader has and a writer means (RFC 9110, section 13)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from chassis.errors import Conflict, Invalid, Problem

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')

IfMatch = Annotated[str | None, Header(max_length=64, description='ETag of the revision that is meant, or "*"')]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="ETags that the caller has")]


def etag(revision: int) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def is_known(if_none_match: str | None, revision: int) -> bool:
    """Weak comparison with each of a list, or `*` for any."""
    given = (if_none_match or "").strip()
    return given == "*" or str(revision) in _ETAG.findall(given)


def meant_revision(if_match: str | None) -> int | None:
    """The revision that a write means, None for any; a write that does not say is refused (428)."""
    if if_match is None:
        problem = Problem("/header/if-match", "required", 'send the ETag you read, or "*" for any')
        raise Conflict("a write must say which revision it means", code="precondition_required", errors=[problem])
    if if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        problem = Problem("/header/if-match", "bad_etag", 'an ETag is a revision in quotes, e.g. "7"')
        raise Invalid("the If-Match header cannot be read", errors=[problem])
    revision = int(found.group(1))
    if revision == 0:
        # No revision is 0, and to a service it may mean something else.
        raise Conflict("nothing is at revision 0; read it again", code="precondition_failed")
    return revision
