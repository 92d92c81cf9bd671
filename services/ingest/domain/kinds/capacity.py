"""What a line can make in a week."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="capacity",
    schema_version=1,
    doc="Rate and hours of a line for a group of products in an ISO week.",
    occurred="updated_at",
    day="week",
    fields=fields(
        Field(name="line_code", type=FieldType.CODE, key=True, required=True, doc="Production line."),
        Field(
            name="sku_group",
            type=FieldType.CODE,
            key=True,
            required=True,
            doc="Group of products that the rate holds for.",
        ),
        Field(name="week", type=FieldType.WEEK, key=True, required=True, doc="ISO week, 2025-W03."),
        Field(name="plant", type=FieldType.CODE, doc="Plant of the line."),
        Field(
            name="rate_base_per_h",
            type=FieldType.NUMBER,
            required=True,
            minimum=0,
            unit="base unit/h",
            doc="Base units made in an hour.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(
            name="hours",
            type=FieldType.NUMBER,
            required=True,
            minimum=0,
            maximum=168,
            unit="h",
            doc="Hours the line can run in the week.",
        ),
        Field(name="changeover_min", type=FieldType.NUMBER, minimum=0, doc="Time lost at a change of product."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
