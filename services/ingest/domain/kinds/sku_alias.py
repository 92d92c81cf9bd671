"""Another name or number of a product: a barcode, the code of an ERP, the words on a till."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="sku_alias",
    schema_version=1,
    doc="What a source calls a product; a person approves a proposed name by sending one.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(
            name="alias_source",
            type=FieldType.CODE,
            key=True,
            default="*",
            doc="Source that uses the alias; * for all of them.",
        ),
        Field(
            name="alias_kind",
            type=FieldType.CHOICE,
            key=True,
            required=True,
            values=(
                "national",
                "ean_carton",
                "ean_pack",
                "erp",
                "pos",
                "name",
            ),
            doc="What the alias is.",
        ),
        Field(
            name="alias", type=FieldType.CODE, key=True, required=True, doc="The alias itself, as the source writes it."
        ),
        Field(name="sku_code", type=FieldType.CODE, required=True, doc="Product that is meant."),
        Field(
            name="confidence",
            type=FieldType.NUMBER,
            minimum=0,
            maximum=1,
            unit="1",
            doc="How sure the assignment is, 0 to 1.",
        ),
        Field(name="approved_by", type=FieldType.CODE, doc="User who approved it."),
        Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
        Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
