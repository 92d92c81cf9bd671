"""The balance by day, kept by the database with every entry; counts of the rules; keys that were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "ingest"
COUNTS = ("received", "pending", "stored", "duplicate", "quarantined", "rejected", "repaired")
ZONE = "Asia/Shanghai"
FUNCTIONS = ("entry_lock()", "entry_rollup()")


def upgrade() -> None:
    op.create_table(
        "balance_day",
        sa.Column("day", sa.Date, primary_key=True),
        *[sa.Column(name, sa.String, primary_key=True) for name in ("source", "kind")],
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS],
        sa.Column("newest", sa.Date),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "rule_count",
        sa.Column("day", sa.Date, primary_key=True),
        *[sa.Column(name, sa.String, primary_key=True) for name in ("source", "kind", "rule", "severity")],
        sa.Column("records", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "deleted",
        *[sa.Column(name, sa.String, primary_key=True) for name in ("kind", "record_key")],
        *[sa.Column(name, sa.String, nullable=False) for name in ("record_id", "payload_hash", "source", "batch_id")],
        *[sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("occurred_at", "ingested_at")],
        sa.Column("line", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
    op.execute(_rolled_up("entry", 1))
    _keep_by_triggers()


def _keep_by_triggers() -> None:
    op.execute(
        f"CREATE FUNCTION {SCHEMA}.entry_lock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        # Writers of the ledger go one behind the other: they meet in the same rows of the days, in any order.
        "PERFORM pg_advisory_xact_lock(hashtext('ingest.ledger')); RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE FUNCTION {SCHEMA}.entry_rollup() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP <> 'DELETE' THEN {_rolled_up('added', 1)}; END IF; "
        f"IF TG_OP <> 'INSERT' THEN {_rolled_up('removed', -1)}; END IF; "
        "RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER entry_lock BEFORE INSERT OR UPDATE OR DELETE ON {SCHEMA}.entry "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.entry_lock()"
    )
    tables = {
        "INSERT": "NEW TABLE AS added",
        "UPDATE": "NEW TABLE AS added OLD TABLE AS removed",
        "DELETE": "OLD TABLE AS removed",
    }
    for event, named in tables.items():
        op.execute(
            f"CREATE TRIGGER entry_rollup_{event.lower()} AFTER {event} ON {SCHEMA}.entry REFERENCING {named} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.entry_rollup()"
        )


def _rolled_up(rows: str, sign: int) -> str:
    """Adds entries to their days, or takes them away again; day, source and kind in one order."""
    table = f"{SCHEMA}.{rows}" if rows == "entry" else rows
    sums = ", ".join(f"{sign} * sum({name})::bigint" for name in COUNTS)
    adds = ", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTS)
    return (
        f"INSERT INTO {SCHEMA}.balance_day AS d (day, source, kind, {', '.join(COUNTS)}, newest, last_at) "
        f"SELECT (at AT TIME ZONE '{ZONE}')::date, source, kind, {sums}, max(newest), max(at) FROM {table} "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 "
        f"ON CONFLICT (day, source, kind) DO UPDATE SET {adds}, newest = greatest(d.newest, excluded.newest), "
        "last_at = greatest(d.last_at, excluded.last_at)"
    )


def downgrade() -> None:
    for trigger in ("lock", "rollup_insert", "rollup_update", "rollup_delete"):
        op.execute(f"DROP TRIGGER entry_{trigger} ON {SCHEMA}.entry")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {SCHEMA}.{function}")
    for table in ("deleted", "rule_count", "balance_day"):
        op.drop_table(table, schema=SCHEMA)
