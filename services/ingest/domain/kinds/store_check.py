"""What a visitor saw in a shop."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="store_check",
    schema_version=1,
    doc="Shelf, facings, stock and price tag of a product in a shop.",
    occurred="checked_at",
    fields=fields(
        Field(name="retailer_code", type=FieldType.CODE, key=True, required=True, unless="license_no", doc="Shop."),
        Field(name="license_no", type=FieldType.CODE, stored=False, doc="Its licence, where the code is not known."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="checked_at", type=FieldType.TIME, key=True, required=True, doc="When it was seen."),
        Field(name="on_shelf", type=FieldType.FLAG, doc="Whether the product was on the shelf."),
        Field(name="facings", type=FieldType.INTEGER, minimum=0, maximum=10000, doc="Packs side by side."),
        Field(
            name="stock_base",
            type=FieldType.QUANTITY,
            doc="Stock in the shop, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="stockout_days",
            type=FieldType.INTEGER,
            minimum=0,
            maximum=366,
            doc="Days without stock since the last visit.",
        ),
        Field(name="price_tag_ok", type=FieldType.FLAG, doc="Whether the price tag was right."),
        Field(name="checked_by", type=FieldType.CODE, doc="User who saw it.", data_class=DataClass.PERSONAL),
        Field(name="adcode", type=FieldType.CODE, given=False, doc="Region of the shop."),
        Field(name="city_org", type=FieldType.CODE, given=False, doc="Commercial company of the shop."),
        Field(name="account_manager_user_id", type=FieldType.CODE, given=False, doc="Account manager of the shop."),
    ),
)
