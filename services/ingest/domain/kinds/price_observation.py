"""A price seen on the market."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="price_observation",
    schema_version=1,
    doc="A retail price seen in a shop, or published for a region.",
    occurred="observed_at",
    one_of=("retailer_code", "adcode"),
    fields=fields(
        Field(name="retailer_code", type=FieldType.CODE, key=True, doc="Shop; or give the region."),
        Field(name="license_no", type=FieldType.CODE, stored=False, doc="Its licence, where the code is not known."),
        Field(name="adcode", type=FieldType.CODE, key=True, doc="Region of a published price, or of the shop."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="observed_at", type=FieldType.TIME, key=True, required=True, doc="When the price was seen."),
        Field(name="collector", type=FieldType.CODE, key=True, default="unknown", doc="Who or what saw it."),
        Field(name="unit", type=FieldType.UNIT, default="carton", doc="Unit of the price."),
        Field(
            name="price_observed",
            type=FieldType.MONEY,
            required=True,
            minimum=0,
            doc="Price of one unit.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="promo", type=FieldType.FLAG, default=False, doc="Whether it was a promotion."),
        Field(
            name="observation_source",
            type=FieldType.CHOICE,
            values=("visit", "pos", "survey"),
            default="survey",
            doc="How the price was seen.",
        ),
        Field(name="photo_uri", type=FieldType.CODE, doc="Photo of the price tag."),
        Field(name="city_org", type=FieldType.CODE, given=False, doc="Commercial company of the shop."),
        Field(name="account_manager_user_id", type=FieldType.CODE, given=False, doc="Account manager of the shop."),
    ),
)
