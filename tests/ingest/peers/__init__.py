"""Real peers of the connectors, each in a process of its own: an OPC UA server, an MQTT 5 broker."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from chassis.testing import eventually
from deploy.debian import find_broker
from deploy.embedded import free_port

DEADLINE_S = 30.0
USER, PASSWORD = "plant", "a password of the tests"


@dataclass
class Peer:
    """A process that can be stopped and started again on its port."""

    command: list[str]
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def stop(self, *, hard: bool = False) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.kill() if hard else self.process.terminate()
        await self.process.wait()
        # Until Python 3.12 the transport of a stopped process complains that nobody closed it.
        self.process._transport.close()
        self.process = None


class Plant(Peer):
    """An OPC UA server; `ask` gives it a command and waits for the answer."""

    def __init__(self, tags: int, *, keeps_history: bool) -> None:
        super().__init__([])
        history = "history" if keeps_history else "none"
        self.command = [sys.executable, "-m", "tests.ingest.peers.opcua_server", str(tags), history, str(self.port)]
        self.address = ""

    async def start(self) -> None:
        await super().start()
        self.address = (await self._answer())["address"]

    async def ask(self, command: str) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE_S * 4):
            return dict(json.loads(await self.process.stdout.readline()))


@asynccontextmanager
async def plant(tags: int, *, keeps_history: bool = False) -> AsyncIterator[Plant]:
    running = Plant(tags, keeps_history=keeps_history)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


class Broker(Peer):
    """A mosquitto with a password file that keeps sessions over a restart."""

    def __init__(self, folder: Path, *, saves_each: bool) -> None:
        super().__init__([])
        passwords, config = folder / "passwords", folder / "mosquitto.conf"
        passwords.write_text(f"{USER}:{_PASSWORD_HASH}\n", encoding="utf-8")
        passwords.chmod(0o600)
        lines = (
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {passwords}",
            "persistence true",
            f"persistence_location {folder}/",
            *(["autosave_interval 1", "autosave_on_changes true"] if saves_each else []),
            "max_queued_messages 0",
            "max_inflight_messages 1000",
            *(["user root"] if os.geteuid() == 0 else []),
        )
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.command = [find_broker() or "", "-c", str(config)]

    async def start(self) -> None:
        await super().start()

        async def answers() -> bool:
            try:
                async with self.client():
                    return True
            except aiomqtt.MqttError:
                return False

        await eventually(answers)

    def client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            username=USER,
            password=PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V5,
            max_inflight_messages=1000,
        )


def _hashed() -> str:
    """What mosquitto keeps of a password: PBKDF2 with SHA-512."""
    import base64
    import hashlib

    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


_PASSWORD_HASH = _hashed()


@asynccontextmanager
async def broker(folder: Path, *, saves_each: bool = True) -> AsyncIterator[Broker]:
    """A broker; one that saves each change can be killed without losing a message, and is slow."""
    if find_broker() is None:
        assert not os.environ.get("CI"), "CI needs an MQTT broker: apt install mosquitto"
        pytest.skip("NO MQTT BROKER on this machine: the MQTT connector was not tested")
    running = Broker(folder, saves_each=saves_each)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
