"""The WeCom upstream/downstream address book: all shops once a day, and at once when WeCom says that it changed.

chains ─▶ groups (not recursive) ─▶ pages of corps ─▶ what changed in a group ─▶ the door
A group whose listing is as it was brings nothing; a corp that left every group is sent once more, as not listed.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.ingest.sources.connection import Checkpoint, Connection, Connector, Intake, Option, SourceAway
from services.ingest.sources.wecom_api import Answer, WeComApi, wecom_api
from services.ingest.usecases import Body

NEWS = "share_chain_change"
CORP = "corpgroup/corp"
PAGE = 100
MAX_PAGES = 100_000
BODY_RECORDS = 1000
Row = dict[str, Any]


@dataclass(slots=True)
class _Known:
    """What the last rounds saw: by chain and group a digest of its listing and the ids in it."""

    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    news: int = -1

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> _Known:
        given = checkpoint or {}
        return cls(dict(given.get("groups", {})), int(given.get("news", -1)))

    @property
    def checkpoint(self) -> Checkpoint:
        return {"news": self.news, "groups": self.groups}


async def run(connection: Connection, intake: Intake) -> None:
    """Reads the book once a round, or when there is news, for ever."""
    known = _Known.of(await intake.recall())
    async with wecom_api(connection.options, intake.now) as api:
        while True:
            # What is told while a round goes on leads to another round.
            news = await intake.news(NEWS)
            brought = await _Round(connection, intake, api, known).sync()
            known.news = news
            await intake.note(known.checkpoint, brought)
            await _wait(connection, intake, news)


async def _wait(connection: Connection, intake: Intake, heard: int) -> None:
    until = asyncio.get_running_loop().time() + connection.options["every_s"]
    while asyncio.get_running_loop().time() < until:
        if await intake.news(NEWS) != heard:
            return
        await asyncio.sleep(connection.options["look_s"])


class _Round:
    """One reading of the whole book."""

    def __init__(self, connection: Connection, intake: Intake, api: WeComApi, known: _Known) -> None:
        self._connection = connection
        self._intake = intake
        self._api = api
        self._known = known
        self._synced_at = intake.now().isoformat()

    async def sync(self) -> int:
        """Brings what changed; how many records."""
        brought = 0
        seen: dict[str, dict[str, Any]] = {}
        for chain in _listed(await self._api.call(f"{CORP}/get_chain_list"), "chains"):
            chain_id = str(chain.get("chain_id", ""))
            if self._connection.options["chains"] and chain_id not in self._connection.options["chains"]:
                continue
            for group_id, path in await self._groups(chain_id):
                rows = [_row(chain_id, path, corp) for corp in await self._corps(chain_id, group_id)]
                digest = hashlib.sha256(msgspec.json.encode(rows, order="sorted")).hexdigest()
                place = f"{chain_id}/{group_id}"
                seen[place] = {"digest": digest, "ids": [row["contact_id"] for row in rows]}
                if self._known.groups.get(place, {}).get("digest") != digest:
                    brought += await self._bring([self._dated(row) for row in rows])
        brought += await self._bring([self._dated(row) for row in self._gone(seen)])
        self._known.groups = seen
        return brought

    async def _groups(self, chain_id: str) -> list[tuple[int, str]]:
        """Groups with the names of those above them."""
        answer = await self._api.call(f"{CORP}/get_chain_group", {"chain_id": chain_id})
        groups = {int(group["groupid"]): group for group in _listed(answer, "groups")}
        return [(group_id, _path(groups, group_id)) for group_id in sorted(groups)]

    async def _corps(self, chain_id: str, group_id: int) -> list[Answer]:
        corps: list[Answer] = []
        asked: Answer = {"chain_id": chain_id, "groupid": group_id, "need_pending": True, "limit": PAGE}
        for _ in range(MAX_PAGES):
            answer = await self._api.call(f"{CORP}/get_chain_corpinfo_list", asked)
            corps += _listed(answer, "group_corps")
            if not answer.get("has_more"):
                return corps
            asked = {**asked, "cursor": str(answer.get("next_cursor", ""))}
        raise SourceAway("the book does not end: WeCom gives page after page")

    def _gone(self, seen: dict[str, dict[str, Any]]) -> list[Row]:
        """Shops that were in a group of a chain and are in none of it any more."""

        def ids(groups: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
            return {(place.rpartition("/")[0], each) for place, group in groups.items() for each in group["ids"]}

        left = sorted(ids(self._known.groups) - ids(seen))
        return [{"chain_id": chain, "contact_id": contact, "is_listed": False} for chain, contact in left]

    def _dated(self, row: Row) -> Row:
        county = self._connection.options["counties"] or {}
        told = county.get(row.get("group_id", ""))
        return {**row, "synced_at": self._synced_at} | ({"county": told} if told else {})

    async def _bring(self, rows: list[Row]) -> int:
        for start in range(0, len(rows), BODY_RECORDS):
            content = msgspec.json.encode(rows[start : start + BODY_RECORDS])
            body = Body(
                kind=self._connection.kind,
                source=self._connection.source,
                content_type="application/json",
                idempotency_key=hashlib.sha256(content).hexdigest(),
                content=content,
            )
            await self._intake.take_in(body)
        return len(rows)


def _row(chain_id: str, path: str, corp: Answer) -> Row:
    return {
        "chain_id": chain_id,
        "contact_id": str(corp.get("corpid") or corp.get("pending_corpid") or ""),
        "corp_name": str(corp.get("corp_name", "")),
        "custom_id": str(corp.get("custom_id", "")),
        "group_id": str(corp.get("groupid", "")),
        "group_path": path,
        "is_joined": bool(corp.get("is_joined")),
    }


def _path(groups: dict[int, Answer], group_id: int) -> str:
    names: list[str] = []
    seen: set[int] = set()
    while group_id in groups and group_id not in seen:
        seen.add(group_id)
        names.append(str(groups[group_id].get("group_name", "")))
        group_id = int(groups[group_id].get("parentid") or 0)
    return "/".join(reversed(names))


def _listed(answer: Answer, name: str) -> list[Answer]:
    found = answer.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise SourceAway(f"WeCom answered without {name}")
    return found


def _check(options: dict[str, Any]) -> tuple[str, str] | None:
    """Options that do not go together."""
    if not options["address"].startswith(("https://", "http://127.0.0.1", "http://localhost")):
        return "address", "must begin with https://"
    return None


CONNECTOR = Connector(
    type="wecom_book",
    doc="Reads the WeCom upstream/downstream address book: daily, and at once when WeCom says that it changed.",
    options={
        "corp_id": Option(type="text", doc="corp id", required=True),
        "secret": Option(type="secret", doc="variable with the secret of the app", required=True),
        "address": Option(type="text", doc="address of WeCom", default="https://qyapi.weixin.qq.com"),
        "chains": Option(type="texts", doc="ids of the chains to read; all where absent"),
        "counties": Option(type="table", doc="region code by group id, for shops without a readable licence number"),
        "every_s": Option(
            type="whole", doc="seconds between two readings of the whole book", default=86_400, minimum=1
        ),
        "look_s": Option(type="number", doc="seconds between two looks for news", default=2, minimum=0.05, maximum=60),
    },
    run=run,
    fetches=True,
    check=_check,
)
