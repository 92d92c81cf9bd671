"""Another number of a shop: its store code in a POS cloud, its code in an ERP."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="retailer_alias",
    schema_version=1,
    doc="What a source calls a shop.",
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
            values=(
                "pos_store",
                "erp",
                "oms",
                "other",
            ),
            default="pos_store",
            doc="What the alias is.",
        ),
        Field(
            name="alias", type=FieldType.CODE, key=True, required=True, doc="The alias itself, as the source writes it."
        ),
        Field(name="retailer_code", type=FieldType.CODE, required=True, doc="Shop that is meant."),
        Field(name="approved_by", type=FieldType.CODE, doc="User who approved it."),
        Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
        Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
