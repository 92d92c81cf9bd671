"""A complaint, a report or a question."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="service_ticket",
    schema_version=1,
    doc="A ticket of the service desk with its due time and outcome.",
    occurred="updated_at",
    day="opened_at",
    fields=fields(
        Field(name="ticket_no", type=FieldType.CODE, key=True, required=True, doc="Number of the ticket."),
        Field(
            name="channel",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "hotline_12313",
                "wecom",
                "visit",
                "partner",
                "web",
            ),
            doc="How it came.",
        ),
        Field(
            name="subject",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "quality",
                "supply",
                "price",
                "delivery",
                "staff",
                "counterfeit",
                "other",
            ),
            doc="What it is about.",
        ),
        Field(name="retailer_code", type=FieldType.CODE, doc="Shop it is about."),
        Field(name="license_no", type=FieldType.CODE, stored=False, doc="Its licence, where the code is not known."),
        Field(name="sku_code", type=FieldType.CODE, doc="Product it is about."),
        Field(name="severity", type=FieldType.INTEGER, minimum=1, maximum=4, doc="Severity 1 (highest) to 4."),
        Field(name="opened_at", type=FieldType.TIME, required=True, doc="When it was opened."),
        Field(name="due_at", type=FieldType.TIME, may_be_future=True, doc="When it must be closed."),
        Field(name="closed_at", type=FieldType.TIME, doc="When it was closed."),
        Field(name="resolution", type=FieldType.TEXT, doc="What was done."),
        Field(
            name="satisfaction",
            type=FieldType.INTEGER,
            minimum=1,
            maximum=5,
            doc="How content the customer was, 1 to 5.",
        ),
        Field(name="text", type=FieldType.TEXT, doc="What was said, without persons."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
        Field(name="adcode", type=FieldType.CODE, given=False, doc="Region of the shop."),
        Field(name="city_org", type=FieldType.CODE, given=False, doc="Commercial company of the shop."),
        Field(name="account_manager_user_id", type=FieldType.CODE, given=False, doc="Account manager of the shop."),
    ),
)
