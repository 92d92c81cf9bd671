"""Writing the book of records: the messages of one group, one transaction.

messages ─▶ marks ─▶ lock of each kind ─▶ judge ─▶ retire, set aside, COPY ─▶ ledger ─▶ commit
                                            └ a round for each message that shares a key with an earlier one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.db import Database, Unstorable, copy_frame, refusal
from chassis.outbox import mark_new
from services.ingest.domain.keeping.chains import RULE_ID
from services.ingest.domain.keeping.versions import CURRENT_SCHEMA, DECIDED, Verdict, judge
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.schema import polars_schema
from services.ingest.store.copying import for_copy
from services.ingest.store.ledger import Ledger
from services.ingest.store.retiring import retire
from services.ingest.store.setting_aside import (
    sieve,
    write_contradictions,
    write_refused,
    write_unstorable,
)
from services.ingest.store.settling import settle
from services.ingest.store.states import backward, write_backward
from services.ingest.store.tables import BOOKS, DELETED, INBOX, SCHEMA, SUPERSEDED
from services.ingest.usecases import Accepted, Entry, Part

PART = "part"
"""Column with the place of a record's message in its group."""


async def keep(db: Database, consumer: str, parts: Sequence[Part]) -> None:
    """Books the messages of a group in one transaction; those that were booked before change nothing.

    Raises Unstorable, having changed nothing, when the database refuses a value of a group of several messages. Of a
    single message, the records that it refuses are found by halving and set aside.
    """
    try:
        async with db.transaction() as session:
            await _keep(session, consumer, parts, sifted=False)
    except (Unstorable, DBAPIError) as error:
        refused = error if isinstance(error, Unstorable) else refusal(error)
        if len(parts) > 1 or refused is None:
            raise refused or error from error
        async with db.transaction() as session:
            await _keep(session, consumer, parts, sifted=True)


async def _keep(session: AsyncSession, consumer: str, parts: Sequence[Part], *, sifted: bool) -> None:
    fresh = await mark_new(session, INBOX, consumer, [part.message_id for part in parts])
    ledger = Ledger()
    by_kind: dict[str, list[Accepted]] = {}
    for part in parts:
        if part.message_id not in fresh:
            continue
        fresh.discard(part.message_id)
        if isinstance(part, Accepted):
            by_kind.setdefault(part.kind, []).append(part)
        else:
            await write_refused(session, part, ledger, sifted=sifted)
    # One writer per kind: two replicas may hear two messages of one key at the same time.
    for kind in sorted(by_kind):
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"ingest.{kind}"))))
    for kind in sorted(by_kind):
        await _keep_kind(session, by_kind[kind], ledger, sifted=sifted)
    await ledger.write(session)


async def _keep_kind(session: AsyncSession, parts: Sequence[Accepted], ledger: Ledger, *, sifted: bool) -> None:
    kind = parts[0].kind
    parts = [await settle(session, part, ledger) for part in parts]
    types = [pl.col(name).cast(dtype) for name, dtype in polars_schema(KINDS[kind]).items()]
    frame = pl.concat(
        part.records.select(*types, pl.lit(place, pl.UInt16).alias(PART)) for place, part in enumerate(parts)
    )
    outcome = _Outcome(parts)
    if not KINDS[kind].in_book:
        outcome.count_all(frame)
        outcome.write(ledger)
        return
    if sifted:
        frame, refused = await sieve(session, BOOKS[kind], for_copy(frame, without=PART), frame)
        await write_unstorable(session, parts[0], refused, ledger)
        outcome.unstorable[0] = len(refused)
    for place, records in enumerate(_rounds(frame)):
        current, known = await _met(session, kind, records)
        wrong = await backward(session, kind, records, current, known)
        await write_backward(session, kind, wrong)
        right = records.join(wrong, on="record_id", how="anti", maintain_order="left") if wrong.height else records
        verdict = judge(right, current, known)
        outcome.note(verdict, wrong)
        await retire(session, BOOKS[kind], kind, verdict)
        await write_contradictions(session, f"{parts[0].part_id}:{place}", kind, verdict, ledger)
        # In the order of the keys, the indexes take them in with a fifth less work.
        stored = for_copy(verdict.stored.sort("record_key"), without=PART)
        await copy_frame(session, BOOKS[kind].name, stored, schema=SCHEMA)
    outcome.write(ledger)


def _rounds(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The records in frames of which no two messages share a key, in the order of their messages."""
    if frame.get_column("record_key").n_unique() == frame.height:
        yield frame
        return
    ranked = frame.with_columns(pl.col(PART).rank("dense").over("record_key").alias("round"))
    for records in ranked.partition_by("round", maintain_order=True, include_key=True):
        yield records.drop("round")


async def _met(session: AsyncSession, kind: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The newest version of the same keys, in the book or deleted, and the digests of those that were replaced."""
    book = BOOKS[kind]
    keys = sa.bindparam("keys", frame.get_column("record_key").unique().to_list(), type_=sa.ARRAY(sa.Text))
    columns = [name for name in CURRENT_SCHEMA if name not in ("op", "is_decided")]
    is_decided = book.c.quality_rules.contains([DECIDED])
    booked = sa.select(*(book.c[name] for name in columns), sa.null(), is_decided).where(
        book.c.record_key == sa.any_(keys)
    )
    gone = sa.select(*(DELETED.c[name] for name in columns), sa.literal("delete"), sa.false()).where(
        DELETED.c.kind == kind, DELETED.c.record_key == sa.any_(keys)
    )
    older = sa.select(SUPERSEDED.c.record_key, SUPERSEDED.c.payload_hash).where(
        SUPERSEDED.c.kind == kind, SUPERSEDED.c.record_key == sa.any_(keys)
    )
    # Passing the keys costs as much as finding them: where nothing was ever replaced nobody need look.
    was_replaced, was_deleted = (sa.exists().where(table.c.kind == kind) for table in (SUPERSEDED, DELETED))
    found_any = (await session.execute(sa.select(was_replaced.label("older"), was_deleted.label("gone")))).one()
    rows = [*(await session.execute(booked)).all()]
    if found_any.gone:
        rows += (await session.execute(gone)).all()
    found = (await session.execute(older)).all() if found_any.older else []
    current = pl.DataFrame([tuple(row) for row in rows], schema=CURRENT_SCHEMA, orient="row")
    known_schema = {name: CURRENT_SCHEMA[name] for name in ("record_key", "payload_hash")}
    return current, pl.DataFrame([tuple(row) for row in found], schema=known_schema, orient="row")


class _Outcome:
    """What became of the records of each message of a group."""

    def __init__(self, parts: Sequence[Accepted]) -> None:
        self._parts = parts
        self._stored: Counter[int] = Counter()
        self._repaired: Counter[int] = Counter()
        self._conflicting: Counter[int] = Counter()
        self._backward: Counter[int] = Counter()
        self.unstorable: Counter[int] = Counter()

    def count_all(self, frame: pl.DataFrame) -> None:
        """Records that are kept as they came."""
        self._stored.update(_by_part(frame))
        self._repaired.update(_by_part(frame.filter(pl.col("quality_status") == "repaired")))

    def note(self, verdict: Verdict, backward: pl.DataFrame) -> None:
        for frame in (verdict.stored, verdict.deletions, verdict.outdated):
            self.count_all(frame)
        self._conflicting.update(_by_part(verdict.conflicting))
        self._backward.update(_by_part(backward))

    def write(self, ledger: Ledger) -> None:
        for place, part in enumerate(self._parts):
            quarantined = self.unstorable[place] + self._conflicting[place] + self._backward[place]
            repeated = part.records.height - self._stored[place] - quarantined
            ledger.add(
                Entry(
                    id=part.part_id,
                    batch_id=part.part_id,
                    source=part.source,
                    kind=part.kind,
                    at=part.at,
                    received=part.records.height + part.duplicates,
                    stored=self._stored[place],
                    duplicate=part.duplicates + repeated,
                    quarantined=quarantined,
                    repaired=self._repaired[place],
                    newest=part.newest,
                )
            )
            about = (part.at, part.source, part.kind)
            ledger.fired_on_accepted(*about, part.records)
            ledger.fired(*about, "DQ-04", "warn", records=part.duplicates + repeated)
            ledger.fired(*about, "DQ-05", "quarantine", records=self._conflicting[place])
            ledger.fired(*about, RULE_ID, "quarantine", records=self._backward[place])


def _by_part(frame: pl.DataFrame) -> dict[int, int]:
    return dict(frame.group_by(PART).len().iter_rows()) if frame.height else {}
