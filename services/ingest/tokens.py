"""Prints every token of a phone number or consumer id, one a line, the newest first.

    python -m services.ingest.tokens < FILE

For whoever answers a person's request: the number is read from the standard input, so that it stands in no list of
processes and in no history of a shell. `INGEST_TOKEN_KEY_FILE` and `INGEST_OLDER_TOKEN_KEYS` name the keys.
"""

from __future__ import annotations

import sys

from services.ingest.settings import IngestSettings


def main() -> None:
    """One value in, its tokens out."""
    value = sys.stdin.read().strip()
    if value:
        sys.stdout.write("\n".join(IngestSettings().token_keys().tokens_of(value)) + "\n")


if __name__ == "__main__":
    main()
