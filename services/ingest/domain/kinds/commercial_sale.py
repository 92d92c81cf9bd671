"""Sales of a commercial company by product and period."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="commercial_sale",
    schema_version=1,
    doc="What a commercial company sold of a product in a day, week, month or year.",
    occurred="biz_date",
    place="org_code",
    fields=fields(
        Field(name="org_code", type=FieldType.CODE, key=True, required=True, doc="Company that sold."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product sold."),
        Field(
            name="period",
            type=FieldType.CHOICE,
            key=True,
            values=("day", "week", "month", "year"),
            default="day",
            doc="Grain of the record.",
        ),
        Field(name="biz_date", type=FieldType.DATE, key=True, required=True, doc="First day of the period."),
        Field(
            name="qty_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Quantity sold, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="qty_raw", type=FieldType.MEASURE, given=False, doc="Quantity as received."),
        Field(name="unit_raw", type=FieldType.CODE, given=False, doc="Unit in which it was received."),
        Field(name="amount", type=FieldType.MONEY, doc="Sales amount.", data_class=DataClass.IMPORTANT),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="retailers_ordering", type=FieldType.INTEGER, minimum=0, doc="Shops that ordered the product."),
        Field(name="adcode", type=FieldType.CODE, doc="Region of the sales; the company's own where absent."),
    ),
)
