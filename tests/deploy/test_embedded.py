"""Ports that are free, and stay so until our server listens there."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from deploy.embedded import claim, free_port


def test_a_free_port_is_none_that_the_kernel_gives_to_a_passing_connection() -> None:
    first_given, last_given = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())

    ports = {free_port() for _ in range(50)}

    assert [port for port in ports if first_given <= port <= last_given] == []
    assert len(ports) == 50


def test_a_port_is_claimed_by_one_process_until_that_ends() -> None:
    port = int(_another_process("print(free_port())"))
    ask = f"print(claim({port}))"

    said = [_another_process(ask), claim(port), claim(port), _another_process(ask)]

    assert said == ["True", True, False, "False"]


def test_a_port_on_which_somebody_listens_cannot_be_claimed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        assert claim(stranger.getsockname()[1]) is False


def _another_process(command: str) -> str:
    program = f"from deploy.embedded import claim, free_port; {command}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
