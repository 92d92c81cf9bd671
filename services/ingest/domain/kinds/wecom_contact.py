"""A shop as the WeCom upstream/downstream book (上下游) knows it."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="wecom_contact",
    schema_version=1,
    doc="A downstream corp of a WeCom chain and the shop that it is; what the CRM says of the shop stays beside it.",
    occurred="synced_at",
    fields=fields(
        Field(name="chain_id", type=FieldType.CODE, key=True, required=True, doc="Chain of the book."),
        Field(
            name="contact_id",
            type=FieldType.CODE,
            key=True,
            required=True,
            doc="Corp id of the shop, or its pending id until it joins.",
        ),
        Field(name="corp_name", type=FieldType.TEXT, doc="Name of the shop in the book."),
        Field(name="custom_id", type=FieldType.CODE, doc="Custom id there as it was given: the licence number."),
        Field(name="group_id", type=FieldType.CODE, doc="Group of the chain that it is in."),
        Field(name="group_path", type=FieldType.TEXT, doc="Names of the groups above it."),
        Field(name="county", type=FieldType.CODE, doc="Region that the group stands for, where it is configured."),
        Field(name="is_joined", type=FieldType.FLAG, default=False, doc="Whether the shop has joined the book."),
        Field(
            name="is_listed",
            type=FieldType.FLAG,
            default=True,
            doc="Whether the book still lists it; false when it was removed.",
        ),
        Field(name="retailer_code", type=FieldType.CODE, doc="Shop that it is."),
        Field(
            name="matched_by",
            type=FieldType.CHOICE,
            values=("code", "licence", "licence_mended", "name"),
            given=False,
            doc="What told which shop it is.",
        ),
        Field(name="adcode", type=FieldType.CODE, given=False, doc="Region of the shop."),
        Field(name="city_org", type=FieldType.CODE, given=False, doc="Commercial company that serves the shop."),
        Field(name="synced_at", type=FieldType.TIME, required=True, doc="When the book said so."),
    ),
)
