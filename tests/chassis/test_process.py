"""A process of its own: life, death, logs and trace files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

APP = """
    import asyncio
    from contextlib import asynccontextmanager
    from dataclasses import dataclass
    from pathlib import Path
    from chassis.app import Background, background, run
    from chassis.settings import CommonSettings
    from chassis.telemetry import span

    @dataclass
    class Running:
        address: str
        background: Background

    async def die():
        await asyncio.sleep(0.05)
        raise ValueError("13812345678")

    async def live():
        await asyncio.Event().wait()

    @asynccontextmanager
    async def app(settings):
        async with background() as tasks:
            tasks.spawn(die() if settings["dies"] else live(), name="work")
            try:
                with span("failing", headers={"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"}):
                    raise KeyError("13812345678")
            except KeyError:
                pass
            yield Running("somewhere", tasks)
            print("left in order", flush=True)

    common = CommonSettings(data=Path(DATA), trace_ratio=RATIO)
    run("probe", app, {"dies": DIES}, common)
"""


def _start(data: Path, *, dies: bool, ratio: float = 1.0) -> subprocess.Popen[str]:
    source = textwrap.dedent(APP).replace("DATA", repr(str(data))).replace("RATIO", str(ratio))
    return subprocess.Popen(
        [sys.executable, "-c", source.replace("DIES", str(dies))], stdout=subprocess.PIPE, text=True, env=os.environ
    )


def _until_started(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] == "process.started":
            return lines
    raise AssertionError(f"never started: {lines}")


def test_a_signal_stops_the_process_in_order_with_exit_code_0(tmp_path: Path):
    process = _start(tmp_path, dies=False)
    started = _until_started(process)[-1]

    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=10)

    assert started["service"] == "probe"
    assert "left in order" in rest
    assert process.returncode == 0


def test_a_dead_task_ends_the_process_with_exit_code_1_and_without_its_text(tmp_path: Path):
    process = _start(tmp_path, dies=True)

    output, _ = process.communicate(timeout=10)

    assert process.returncode == 1
    assert "left in order" in output
    assert '"background.died"' in output
    assert "13812345678" not in output


def test_spans_are_kept_as_lines_without_the_text_of_errors(tmp_path: Path):
    process = _start(tmp_path, dies=True)
    process.communicate(timeout=10)

    text = (tmp_path / "telemetry" / "probe.jsonl").read_text()
    (line,) = [json.loads(each) for each in text.splitlines()]

    assert line["trace_id"] == "ab" * 16
    assert line["parent_id"] == "cd" * 8
    assert line["status"] == "ERROR"
    assert "13812345678" not in text


def test_a_failed_span_is_kept_even_when_its_trace_is_not_sampled(tmp_path: Path):
    source = textwrap.dedent(APP).replace("-01", "-00").replace("DATA", repr(str(tmp_path))).replace("RATIO", "0.0")
    subprocess.run([sys.executable, "-c", source.replace("DIES", "True")], capture_output=True, timeout=20, check=False)

    assert '"failing"' in (tmp_path / "telemetry" / "probe.jsonl").read_text()
