"""A movement of goods in a warehouse."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="wms_move",
    schema_version=1,
    doc="Goods moved into, out of or inside a warehouse, or counted.",
    occurred="started_at",
    fields=fields(
        Field(name="wh_code", type=FieldType.CODE, key=True, required=True, doc="Warehouse."),
        Field(name="move_no", type=FieldType.CODE, key=True, required=True, doc="Number of the movement."),
        Field(
            name="line_no",
            type=FieldType.INTEGER,
            key=True,
            required=True,
            minimum=0,
            maximum=2**31 - 1,
            doc="Line of the movement.",
        ),
        Field(
            name="move",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "in",
                "out",
                "shift",
                "adjust",
                "count",
            ),
            doc="What was done.",
        ),
        Field(name="sku_code", type=FieldType.CODE, required=True, doc="Product."),
        Field(name="batch_no", type=FieldType.CODE, doc="Production batch."),
        Field(
            name="qty_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Quantity moved, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(name="from_slot", type=FieldType.CODE, doc="Slot it left."),
        Field(name="to_slot", type=FieldType.CODE, doc="Slot it came to."),
        Field(name="pallet_no", type=FieldType.CODE, doc="Pallet."),
        Field(
            name="device",
            type=FieldType.CHOICE,
            values=(
                "manual",
                "stacker",
                "agv",
            ),
            default="manual",
            doc="What moved it.",
        ),
        Field(name="started_at", type=FieldType.TIME, required=True, doc="When it began."),
        Field(name="ended_at", type=FieldType.TIME, doc="When it ended."),
        Field(name="operator", type=FieldType.CODE, doc="User who did it.", data_class=DataClass.PERSONAL),
    ),
)
