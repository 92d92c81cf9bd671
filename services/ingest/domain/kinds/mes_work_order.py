"""An order to a production line."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="mes_work_order",
    schema_version=1,
    doc="What a line shall make, how much of it and when.",
    occurred="updated_at",
    day="plan_start_at",
    fields=fields(
        Field(name="plant", type=FieldType.CODE, key=True, required=True, doc="Plant."),
        Field(name="wo_no", type=FieldType.CODE, key=True, required=True, doc="Number of the work order."),
        Field(name="sku_code", type=FieldType.CODE, required=True, doc="Product to make."),
        Field(name="line_code", type=FieldType.CODE, doc="Production line."),
        Field(
            name="plan_qty_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Planned quantity, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(name="plan_start_at", type=FieldType.TIME, required=True, may_be_future=True, doc="Planned start."),
        Field(name="plan_end_at", type=FieldType.TIME, may_be_future=True, doc="Planned end."),
        Field(
            name="status",
            type=FieldType.CHOICE,
            values=(
                "released",
                "running",
                "held",
                "closed",
            ),
            default="released",
            doc="Where the order stands.",
        ),
        Field(name="priority", type=FieldType.INTEGER, minimum=0, maximum=1000, doc="Priority, 1 first."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
