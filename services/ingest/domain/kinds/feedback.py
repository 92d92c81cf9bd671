"""An opinion of a retailer or a user."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="feedback",
    schema_version=1,
    doc="What a retailer or a user said, with a score.",
    occurred="given_at",
    fields=fields(
        Field(name="feedback_id", type=FieldType.CODE, key=True, required=True, doc="Id of the feedback."),
        Field(name="retailer_code", type=FieldType.CODE, doc="Shop that gave it."),
        Field(name="license_no", type=FieldType.CODE, stored=False, doc="Its licence, where the code is not known."),
        Field(name="user_id", type=FieldType.CODE, doc="User who gave or noted it.", data_class=DataClass.PERSONAL),
        Field(name="sku_code", type=FieldType.CODE, doc="Product it is about."),
        Field(name="score", type=FieldType.NUMBER, minimum=1, maximum=5, doc="Score, 1 to 5."),
        Field(name="text", type=FieldType.TEXT, doc="What was said, without persons."),
        Field(
            name="sentiment",
            type=FieldType.CHOICE,
            values=(
                "positive",
                "neutral",
                "negative",
            ),
            doc="Tone of the text.",
        ),
        Field(name="topic", type=FieldType.CODE, doc="Topic of the text."),
        Field(name="given_at", type=FieldType.TIME, doc="When it was given."),
        Field(name="adcode", type=FieldType.CODE, given=False, doc="Region of the shop."),
        Field(name="city_org", type=FieldType.CODE, given=False, doc="Commercial company of the shop."),
        Field(name="account_manager_user_id", type=FieldType.CODE, given=False, doc="Account manager of the shop."),
    ),
)
