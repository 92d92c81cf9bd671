"""Stock of a commercial company by product and day."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="commercial_stock",
    schema_version=1,
    doc="What lay in the warehouses of a commercial company at the end of a day.",
    occurred="biz_date",
    place="org_code",
    fields=fields(
        Field(name="org_code", type=FieldType.CODE, key=True, required=True, doc="Company whose stock it is."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="biz_date", type=FieldType.DATE, key=True, required=True, doc="Day of the stock."),
        Field(
            name="stock_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Stock at the end of the day, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(
            name="in_transit_base",
            type=FieldType.QUANTITY,
            doc="On its way to the company, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="on_order_base",
            type=FieldType.QUANTITY,
            doc="Ordered and not yet sent, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="received_base",
            type=FieldType.QUANTITY,
            doc="Received since the day before, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="sold_base",
            type=FieldType.QUANTITY,
            doc="Sold since the day before, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="adjusted_base",
            type=FieldType.QUANTITY,
            doc="Counted in or out since the day before, base units; negative for out.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="adcode", type=FieldType.CODE, doc="Region of the stock; the company's own where absent."),
    ),
)
