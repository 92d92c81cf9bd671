"""Finished goods in a warehouse, by batch and day."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="finished_stock",
    schema_version=1,
    doc="What lay in a warehouse at the end of a day, and what of it was promised.",
    occurred="biz_date",
    fields=fields(
        Field(name="wh_code", type=FieldType.CODE, key=True, required=True, doc="Warehouse."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="batch_no", type=FieldType.CODE, key=True, required=True, doc="Production batch."),
        Field(name="biz_date", type=FieldType.DATE, key=True, required=True, doc="Day of the stock."),
        Field(
            name="on_hand_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Stock, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(
            name="reserved_base",
            type=FieldType.QUANTITY,
            doc="Of the stock, what is promised, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="produced_on", type=FieldType.DATE, doc="Day of production."),
        Field(name="age_days", type=FieldType.INTEGER, minimum=0, doc="Age of the batch."),
    ),
)
