"""Indexes for stock by batch and for what suppliers and transfers are matched by."""

from alembic import op

revision = "0009"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "ingest"
INDEXES = (
    ("finished_stock", ("wh_code", "sku_code", "batch_no", "biz_date")),
    ("wms_move", ("wh_code", "sku_code", "batch_no", "biz_date")),
    ("commercial_stock", ("org_code", "sku_code", "biz_date")),
    ("purchase_order", ("supplier_code", "material", "biz_date")),
    ("transfer", ("transfer_no",)),
    ("settlement", ("transfer_no",)),
    ("oms_order", ("oms_no",)),
)


def upgrade() -> None:
    for table, columns in INDEXES:
        op.create_index(f"{table}_report", table, list(columns), schema=SCHEMA)


def downgrade() -> None:
    for table, _ in INDEXES:
        op.drop_index(f"{table}_report", table, schema=SCHEMA)
