"""A line of an order to a supplier."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="purchase_order",
    schema_version=1,
    doc="Material ordered, promised and received.",
    occurred="updated_at",
    day="ordered_on",
    fields=fields(
        Field(name="po_no", type=FieldType.CODE, key=True, required=True, doc="Number of the order."),
        Field(
            name="line_no",
            type=FieldType.INTEGER,
            key=True,
            required=True,
            minimum=0,
            maximum=2**31 - 1,
            doc="Line of the order.",
        ),
        Field(name="supplier_code", type=FieldType.CODE, required=True, doc="Supplier."),
        Field(name="material", type=FieldType.CODE, required=True, doc="Material ordered."),
        Field(
            name="qty",
            type=FieldType.MEASURE,
            required=True,
            doc="Quantity ordered, in the unit beside it.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="unit", type=FieldType.CODE, required=True, doc="Unit of the material: kg, m, piece..."),
        Field(name="ordered_on", type=FieldType.DATE, required=True, doc="Day of the order."),
        Field(name="promised_on", type=FieldType.DATE, doc="Day promised by the supplier."),
        Field(name="received_at", type=FieldType.TIME, doc="When it arrived."),
        Field(
            name="received_qty", type=FieldType.MEASURE, minimum=0, doc="Quantity received, in the unit of the order."
        ),
        Field(
            name="status",
            type=FieldType.CHOICE,
            values=(
                "ordered",
                "confirmed",
                "shipped",
                "received",
                "cancelled",
            ),
            default="ordered",
            doc="Where the order stands.",
        ),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
