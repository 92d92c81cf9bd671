"""The door: it takes records with a receipt and notes each batch."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import canned


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200 if self.path == "/readyz" else 404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        rows = list(csv.reader(io.StringIO(body)))[1:]
        canned.note(f"posted {len(rows)} to {self.path}")
        counts = dict.fromkeys(("repaired", "quarantined", "rejected", "duplicates"), 0)
        self._answer(202, {"batch_id": "1", "accepted": len(rows), "reasons": [], **counts})

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def stop(*_: object) -> None:
    canned.note("stopped gateway")
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["GATEWAY_PORT"])), Door).serve_forever()
