"""Prints a bearer token for the running local stack: `make token`, or `python -m deploy.token --role analyst`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy import run_file
from deploy.keys import ROLES, bearer_token, secret


def main(argv: list[str] | None = None) -> int:
    """Print the token on standard output, and nothing else; exit code 1 when no stack runs."""
    options = _parser().parse_args(argv)
    run = run_file.read(options.home)
    if run is None:
        print("no local stack is running: start one with `make run`", file=sys.stderr)
        return 1
    key = os.environ.get("GATEWAY_JWT_KEY") or secret(Path(run.data), "jwt")
    roles = options.role or ["admin"]
    print(bearer_token(key, user=options.user, roles=roles, hours=options.hours))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make token", description=__doc__)
    parser.add_argument("--user", default="operator", help="who the token is for; the WeCom user id of a manager")
    parser.add_argument("--role", action="append", choices=ROLES, help="may be given more than once; default: admin")
    parser.add_argument("--hours", type=_hours, default=12.0, help="how long it is valid; default: 12")
    parser.add_argument("--home", type=Path, default=run_file.HOME, help=argparse.SUPPRESS)
    return parser


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 24 * 365:
        raise argparse.ArgumentTypeError("must be more than 0 and at most a year")
    return hours


if __name__ == "__main__":
    sys.exit(main())
