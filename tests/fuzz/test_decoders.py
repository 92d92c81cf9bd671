"""Broken bodies: read or refused, whatever they are, with every record accounted for."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings

from services.ingest.domain.decode import Limits, Malformed, decode
from tests.fuzz.bodies import PARQUET, TYPES, WHOLE, XLSX, broken_bodies, examples
from tests.ingest.builders import ARROW, CSV, JSON, NDJSON, cleaned

ROOT = Path(__file__).parents[2]
LIMITS = Limits()
BOUND_MIB = 700
"""More than any body may cost beside the 150 MiB of the libraries: twice `Limits.expanded_bytes`."""


@pytest.mark.parametrize("content_type", TYPES)
def test_the_bodies_that_are_broken_here_are_read_when_whole(content_type: str):
    receipt = cleaned("pos_sale", WHOLE[content_type], content_type).receipt

    assert receipt.accepted == 3


@settings(max_examples=examples(300))
@given(broken_bodies())
def test_a_broken_body_is_read_or_refused_and_every_record_of_it_is_accounted_for(given_body: tuple[bytes, str]):
    body, content_type = given_body
    try:
        read = decode(body, content_type, LIMITS)
    except Malformed:
        return

    result = cleaned("pos_sale", body, content_type)

    receipt = result.receipt
    assert receipt.sent == len(read.lines) + len(read.malformed)
    assert len(result.refused) == receipt.quarantined + receipt.rejected
    assert result.accepted.height == receipt.accepted


def _zip_bomb() -> bytes:
    """A workbook whose one sheet unfolds from a few hundred KB to gigabytes."""
    row = '<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>' + "x" * 30_000 + "</t></is></c></row>"
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(WHOLE[XLSX])) as whole,
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, True, 9) as bomb,
    ):
        for item in whole.infolist():
            if item.filename != "xl/worksheets/sheet1.xml":
                bomb.writestr(item, whole.read(item))
        with bomb.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>')
            for n in range(1, 20_000):
                sheet.write(row.replace("{n}", str(n)).encode())
            sheet.write(b"</sheetData></worksheet>")
    return sink.getvalue()


def _wide_workbook() -> bytes:
    """A sheet that says it reaches to the last column and row there is, and holds two cells."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>'
    )
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE[XLSX])) as whole, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as wide:
        for item in whole.infolist():
            content = sheet.encode() if item.filename == "xl/worksheets/sheet1.xml" else whole.read(item)
            wide.writestr(item, content)
    return sink.getvalue()


def _repeating_arrow() -> bytes:
    """Many batches of one long text each: small when compressed, gigabytes when read."""
    batch = pa.record_batch({"a": ["x" * 1_000_000] * 10})
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        for _ in range(300):
            writer.write_batch(batch)
    return sink.getvalue()


def _lying_arrow() -> bytes:
    """A stream whose first message says it is 2 GiB long."""
    return b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 1) + WHOLE[ARROW][8:]


def _repeating_parquet() -> bytes:
    sink = io.BytesIO()
    frame = pl.DataFrame({"a": ["x" * 100_000]})
    pl.concat([frame] * 20_000, rechunk=False).write_parquet(sink, compression="zstd")
    return sink.getvalue()


HOSTILE = {
    "a workbook that unfolds to gigabytes": (_zip_bomb, XLSX),
    "a workbook of seventeen billion empty cells": (_wide_workbook, XLSX),
    "an Arrow stream that unfolds to gigabytes": (_repeating_arrow, ARROW),
    "an Arrow message that says it is 2 GiB long": (_lying_arrow, ARROW),
    "a Parquet file that unfolds to gigabytes": (_repeating_parquet, PARQUET),
    "ten million columns of CSV": (lambda: b",".join([b"a"] * 8_000_000), CSV),
    "ten million fields of JSON": (lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_400_000)) + b"}", JSON),
    "JSON a million levels deep": (lambda: b"[" * 1_000_000, JSON),
    "objects a million levels deep": (lambda: b'{"a":' * 1_000_000, JSON),
    "a deep line among good ones": (lambda: b'{"a":1}\n' + b'{"a":' * 100_000 + b"\n", NDJSON),
    "a number of a million digits": (lambda: b'[{"amount":' + b"9" * 1_000_000 + b"}]", JSON),
    "a text of sixteen million characters": (lambda: b'[{"amount":"' + b"9" * 16_000_000 + b'"}]', JSON),
    "sixteen million lines": (lambda: b"\n" * 16_000_000, NDJSON),
    "eight million empty objects": (lambda: b"{}\n" * 5_000_000, NDJSON),
    "one quote that never closes": (lambda: b'a,b\n"' + b"x,y\n" * 4_000_000, CSV),
    "a Parquet file told as CSV": (lambda: WHOLE[PARQUET], CSV),
    "a workbook told as Parquet": (lambda: WHOLE[XLSX], PARQUET),
    "a zip without a workbook": (lambda: WHOLE[XLSX][:22], XLSX),
}

READ = """
import re, sys
from pathlib import Path
from services.ingest.domain.decode import Limits, Malformed, decode
try:
    found = decode(sys.stdin.buffer.read(), sys.argv[1], Limits())
    said = f"read {len(found.lines)} {len(found.malformed)}"
except Malformed as refusal:
    said = f"refused {refusal.code}"
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) // 1024, said)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_or_read_in_bounded_memory(name: str):
    build, content_type = HOSTILE[name]
    body = build()
    assert len(body) <= LIMITS.bytes, "the gateway would not let it in"

    run = subprocess.run(
        [sys.executable, "-c", READ, content_type], input=body, capture_output=True, timeout=60, cwd=ROOT, check=False
    )

    assert run.returncode == 0, run.stderr[-2000:].decode()
    peak, said = run.stdout.decode().split(" ", 1)
    assert int(peak) < BOUND_MIB, said
    assert said.startswith(("refused", "read"))
