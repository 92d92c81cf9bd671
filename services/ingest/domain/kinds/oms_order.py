"""A line of an order of a commercial company."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="oms_order",
    schema_version=1,
    doc="An order line with its channel, its promise and where it stands.",
    occurred="status_at",
    day="ordered_at",
    place="buyer_org",
    fields=fields(
        Field(name="oms_no", type=FieldType.CODE, key=True, required=True, doc="Number of the order."),
        Field(
            name="line_no",
            type=FieldType.INTEGER,
            key=True,
            required=True,
            minimum=0,
            maximum=2**31 - 1,
            doc="Line of the order.",
        ),
        Field(name="buyer_org", type=FieldType.CODE, required=True, doc="Company that ordered."),
        Field(name="sku_code", type=FieldType.CODE, required=True, doc="Product."),
        Field(
            name="qty_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Quantity ordered, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(
            name="price_ex_vat",
            type=FieldType.MONEY,
            minimum=0,
            doc="Price per carton, ex VAT.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="channel", type=FieldType.CODE, doc="Channel of the order."),
        Field(
            name="status",
            type=FieldType.CHOICE,
            values=(
                "new",
                "checked",
                "allocated",
                "picking",
                "shipped",
                "received",
                "settled",
                "cancelled",
            ),
            default="new",
            doc="Where the order stands.",
        ),
        Field(name="ordered_at", type=FieldType.TIME, doc="When it was ordered."),
        Field(name="promised_on", type=FieldType.DATE, doc="Day promised to the buyer."),
        Field(name="status_at", type=FieldType.TIME, doc="When it came to this status."),
        Field(name="adcode", type=FieldType.CODE, given=False, doc="Region of the company."),
    ),
)
