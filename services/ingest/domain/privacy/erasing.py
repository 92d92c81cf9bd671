"""What must be forgotten: who, where it may stand in a record, and what is left in its place.

A person is known by tokens alone (DQ-31, DQ-32). A sale stays when its consumer is forgotten; the link goes. A token
in a code (DQ-33: somebody used a phone number as an order number) gives way to a mark, so that keys stay keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import polars as pl

from chassis.errors import Invalid, Problem
from services.ingest.domain.privacy.tokens import TOKEN

CONSENT = "consent_ref"
LINK = ("consumer_key", "phone_token", CONSENT)
"""Columns that tie a record to a consumer; they go together."""
CONTACT = ("contact_phone_token", "contact_phone_masked", "owner_name_masked")
"""Columns that tie a shop to the person who answers its phone."""
MAX_REFS = 1000
FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)
ANY_TOKEN = r"k[0-9]+:[0-9a-f]{64}"  # noqa: S105  # a pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is to be forgotten: by tokens, or by the consent that was withdrawn."""

    id: str
    """Id of the erasure."""
    tokens: tuple[str, ...] = ()
    consent_refs: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """What stands where a token stood in a code."""
        return f"erased:{self.id}"

    @property
    def digests(self) -> list[str]:
        return [digest(value) for value in (*self.tokens, *self.consent_refs)]


def digest(value: str) -> str:
    """A token or consent reference as it may be remembered: enough to know it again, not to find its records."""
    return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"


def subject(erasure_id: str, *, token: str, consent_refs: Sequence[str]) -> Subject:
    """The subject of a request; Invalid when it names nobody, or too many."""
    if bool(token) == bool(consent_refs):
        message = "name the token to erase, or the consents that were withdrawn, and not both"
        raise Invalid("the request names nobody", errors=[Problem("/token", "required", message)])
    if token and not TOKEN.fullmatch(token):
        message = "a token looks like k1: and 64 hexadecimal digits; never send a phone number"
        raise Invalid("this is not a token", errors=[Problem("/token", "token", message)])
    if len(consent_refs) > MAX_REFS or not all(ref.strip() and len(ref) <= 256 for ref in consent_refs):
        message = f"1 to {MAX_REFS} references of at most 256 characters"
        raise Invalid("the consents cannot be read", errors=[Problem("/consent_refs", "consent_refs", message)])
    return Subject(id=erasure_id, tokens=(token,) if token else (), consent_refs=tuple(dict.fromkeys(consent_refs)))


def carries(records: FrameT, who: Subject) -> pl.Expr:
    """Which records carry the subject anywhere."""
    found = [pl.col(name).str.contains(token, literal=True) for name in _texts(records) for token in who.tokens]
    if who.consent_refs and CONSENT in records.collect_schema():
        found.append(pl.col(CONSENT).is_in(list(who.consent_refs)))
    return pl.any_horizontal(found).fill_null(value=False) if found else pl.lit(value=False)


def forget(records: FrameT, who: Subject) -> FrameT:
    """The records without the subject: links are empty, codes hold the mark."""
    known = records.collect_schema()
    for columns in (LINK, CONTACT):
        here = [name for name in columns if name in known]
        if here:
            linked = _linked(here, who)
            records = records.with_columns(pl.when(linked).then(None).otherwise(pl.col(here)).name.keep())
    for token in who.tokens:
        texts = pl.col(_texts(records))
        records = records.with_columns(texts.str.replace_all(token, who.mark, literal=True))
    return records


def _linked(columns: Sequence[str], who: Subject) -> pl.Expr:
    """Where one of the columns names the subject."""
    hits = [pl.col(name).is_in(list(who.consent_refs if name == CONSENT else who.tokens)) for name in columns]
    return pl.any_horizontal(hits).fill_null(value=False)


def _texts(records: FrameT) -> list[str]:
    return [name for name, dtype in records.collect_schema().items() if dtype == pl.String]


def forget_json(text: str, who: Subject) -> str:
    """A record as JSON text without the subject."""
    if not who.consent_refs and not any(token in text for token in who.tokens):
        return text
    record = json.loads(text or "{}")
    if isinstance(record, dict):
        _unlink(record, who)
    printed = json.dumps(record, ensure_ascii=False)
    for token in who.tokens:
        printed = printed.replace(token, who.mark)
    return printed


def _unlink(record: dict[str, Any], who: Subject) -> None:
    for columns in (LINK, CONTACT):
        named = [record.get(name) in (who.consent_refs if name == CONSENT else who.tokens) for name in columns]
        if any(named):
            record.update({name: None for name in columns if name in record})


@dataclass(frozen=True, slots=True)
class Forgetting:
    """An erasure as whoever writes records must know it."""

    id: str
    digests: frozenset[str]
    asked_at: datetime
    is_withdrawal: bool


@dataclass(slots=True)
class Forgotten:
    """What was erased, so that the log does not bring it back.

    A token is forgotten as far as records of before the request go: the person may consent anew. A consent that was
    withdrawn stays withdrawn.
    """

    known: Sequence[Forgetting] = field(default_factory=tuple)
    _withdrawn: frozenset[str] = field(default=frozenset(), init=False)

    def renew(self, known: Sequence[Forgetting]) -> None:
        """Replaces all that was known."""
        self.known = known
        self._withdrawn = frozenset(each for one in known if one.is_withdrawal for each in one.digests)

    @property
    def has_withdrawals(self) -> bool:
        return bool(self._withdrawn)

    def in_records(self, records: pl.DataFrame, at: datetime) -> pl.DataFrame:
        """The records of a message of that time, without what was forgotten."""
        if not self._matter(at):
            return records
        for who in self._named(self._values(records), at):
            records = forget(records, who)
        return records

    def in_json(self, text: str, at: datetime) -> str:
        """A record as JSON text of that time, without what was forgotten."""
        if not self._matter(at):
            return text
        record = json.loads(text or "{}")
        values = _tokens_in(text)
        if isinstance(record, dict) and isinstance(record.get(CONSENT), str):
            values.add(record[CONSENT])
        for who in self._named(values, at):
            text = forget_json(text, who)
        return text

    def withdrawn(self, refs: Iterable[str]) -> set[str]:
        """Those of the consent references that were withdrawn."""
        return {ref for ref in refs if digest(ref) in self._withdrawn} if self._withdrawn else set()

    def _matter(self, at: datetime) -> list[Forgetting]:
        return [each for each in self.known if each.is_withdrawal or at <= each.asked_at]

    def _values(self, records: pl.DataFrame) -> set[str]:
        if not self.known:
            return set()
        found: set[str] = set()
        for name in _texts(records):
            values = records.get_column(name)
            if name == CONSENT:
                found.update(values.drop_nulls().unique())
            elif values.str.contains(ANY_TOKEN).any():
                found.update(values.str.extract_all(ANY_TOKEN).explode(empty_as_null=True).drop_nulls().unique())
        return found

    def _named(self, values: set[str], at: datetime) -> list[Subject]:
        matter = self._matter(at)
        if not matter or not values:
            return []
        by_digest: Mapping[str, str] = {digest(value): value for value in values}
        named = []
        for each in matter:
            hit = tuple(by_digest[one] for one in each.digests if one in by_digest)
            if hit:
                kind = {"consent_refs": hit} if each.is_withdrawal else {"tokens": hit}
                named.append(Subject(id=each.id, **kind))
        return named


def _tokens_in(text: str) -> set[str]:
    return set(TOKEN.findall(text))
