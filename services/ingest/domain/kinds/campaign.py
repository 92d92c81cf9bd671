"""A measure towards staff, partners or retailers; never towards consumers."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="campaign",
    schema_version=1,
    doc="A campaign with its audience, products, area and time.",
    occurred="updated_at",
    day="from_on",
    fields=fields(
        Field(name="campaign_id", type=FieldType.CODE, key=True, required=True, doc="Id of the campaign."),
        Field(
            name="campaign_kind",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "launch",
                "display",
                "training",
                "supply",
                "visit",
            ),
            doc="What is done.",
        ),
        Field(name="name", type=FieldType.TEXT, doc="Name of the campaign."),
        Field(
            name="audience",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "employee",
                "partner",
                "retailer",
            ),
            doc="Whom it addresses (C-01).",
        ),
        Field(name="sku_codes", type=FieldType.LIST, items=FieldType.CODE, doc="Products of the campaign."),
        Field(name="area", type=FieldType.CODE, doc="Area of the campaign."),
        Field(name="from_on", type=FieldType.DATE, required=True, doc="First day."),
        Field(name="to_on", type=FieldType.DATE, doc="Last day."),
        Field(name="cost", type=FieldType.MONEY, minimum=0, doc="Cost.", data_class=DataClass.IMPORTANT),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="approved_by", type=FieldType.CODE, doc="User who approved it.", data_class=DataClass.PERSONAL),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
