"""Settings of the ingest service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.settings import ServiceSettings
from services.ingest.domain.decode import Limits
from services.ingest.domain.keeping.fusion import MAX_SPREAD, FusionRule
from services.ingest.domain.privacy.retention import Kept
from services.ingest.domain.privacy.tokens import TokenKey, TokenKeys

PARTS = ("door", "book", "history", "sources")


class IngestSettings(ServiceSettings):
    """Variables begin with `INGEST_`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_", frozen=True, extra="ignore")

    mappings: Path | None = None
    """Folder of the source mappings (docs/architecture.md)."""
    connections: Path | None = None
    """Folder of the connections to sources (docs/connections.md); none: sources only push."""
    regions: Path | None = None
    """CSV of the regions; without it every region code is taken as it comes."""
    token_key: SecretStr = SecretStr("")
    """Secret behind the tokens of phone numbers and consumer ids, at least 32 characters."""
    token_key_file: Path | None = None
    """File that holds the secret, instead of `token_key`."""
    token_key_version: Annotated[str, Field(pattern=r"^k\d+$")] = "k1"  # noqa: S105  # a version, not the key
    older_token_keys: Annotated[tuple[Path, ...], NoDecode] = ()
    """Files with keys that made tokens before, separated by commas; each is named after its version: k1, k2."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    max_records: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    """Records in one body."""
    max_held_bytes: Annotated[int, Field(ge=1024)] = 128 * 1024 * 1024
    """Bodies that wait, are cleaned or are not acknowledged yet, all sources together."""
    source_quota: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    """The same, of one source."""
    spool: Path | None = None
    """Folder that stands in while the log is away; without it `ingest/spool` in the data folder."""
    spool_bytes: Annotated[int, Field(ge=0)] = 1024 * 1024 * 1024
    """What may wait there; 0: nothing, the door closes while the log is away."""
    receipt_kept_s: Annotated[int, Field(ge=60)] = 24 * 3600
    """How long Valkey remembers a receipt; the book remembers it for ever."""
    catch_up_s: Annotated[float, Field(ge=0)] = 10.0
    """How long a start, before it serves, and a stop, after it served, wait for the book to catch up with the log."""

    scada_merge_days: Annotated[int, Field(ge=1)] = 2
    """How long a minute of a signal that rests still takes in late samples; it keeps its samples as long."""
    scada_kept_days: Annotated[int, Field(ge=1)] = 365
    """How long the minutes of signals are kept."""
    parts: Annotated[frozenset[str], NoDecode] = frozenset(PARTS)
    """What this process does, of door, book, history and sources, separated by commas."""
    history: str = ""
    """Folder or s3:// address of the history; empty: `history` in the data folder."""
    history_wait_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """How long messages are gathered for one commit when few come."""
    history_kept_days: Annotated[int, Field(ge=1)] = 7
    """How far back the history can be read as it was."""
    history_upkeep_s: Annotated[float, Field(gt=0)] = 900.0
    """Between two rounds that merge small files."""

    forgotten_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Between two looks at what other replicas were asked to forget; an erasure begins after twice as long."""

    raw_kept_days: Annotated[int, Field(ge=1)] = 7
    """How long single samples of sensors are kept."""
    consumer_kept_days: Annotated[int, Field(ge=1)] = 365
    """How long a sale is linked to its consumer's tokens (C-10)."""
    contact_kept_days: Annotated[int, Field(ge=1)] = 183
    """How long a shop's contact is kept after its licence has ended (C-10)."""

    fusion_reliability: Annotated[dict[str, Annotated[float, Field(gt=0, le=1)]], Field(default_factory=dict)]
    """How much a source counts when several tell a stock, as JSON: {"erp": 0.6}; 1 where it is not named."""
    fusion_max_spread: Annotated[float, Field(gt=0)] = MAX_SPREAD
    """How far a source may be off the fused stock, as a share of it, before only a person can decide."""

    @field_validator("parts", mode="before")
    @classmethod
    def _names_parts(cls, value: object) -> object:
        named = frozenset(part.strip() for part in value.split(",")) if isinstance(value, str) else value
        if isinstance(named, frozenset) and not named <= set(PARTS):
            raise ValueError(f"INGEST_PARTS names some of {', '.join(PARTS)}")
        return named

    @property
    def kept(self) -> Kept:
        """For how long what is kept."""
        return Kept(
            raw_days=self.raw_kept_days,
            consumer_days=self.consumer_kept_days,
            contact_days=self.contact_kept_days,
        )

    @property
    def fusion(self) -> FusionRule:
        """How what several sources say becomes one value."""
        return FusionRule(reliability=tuple(self.fusion_reliability.items()), max_spread=self.fusion_max_spread)

    @property
    def history_address(self) -> str:
        """Where the history is."""
        return self.history or str(self.common.data.absolute() / "history")

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if not self.token_key.get_secret_value() and self.token_key_file is None:
            raise ValueError("set INGEST_TOKEN_KEY or INGEST_TOKEN_KEY_FILE: without it no personal data may be taken")
        return self

    def tokens(self) -> TokenKey:
        """The key that makes tokens."""
        if self.token_key_file is not None:
            secret = self.token_key_file.read_bytes().strip()
        else:
            secret = self.token_key.get_secret_value().encode()
        return TokenKey(self.token_key_version, secret)

    @property
    def spool_folder(self) -> Path:
        """Where messages wait while the log is away."""
        return self.spool or self.common.data / "ingest" / "spool"

    def token_keys(self) -> TokenKeys:
        """All keys: the newest makes tokens, older ones find those that were made before."""
        older = [TokenKey(path.name, path.read_bytes().strip()) for path in self.older_token_keys]
        return TokenKeys(self.tokens(), older)

    @field_validator("older_token_keys", mode="before")
    @classmethod
    def _names_files(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def limits(self) -> Limits:
        """How much one body may hold."""
        return Limits(bytes=self.max_body_bytes, rows=self.max_records)
