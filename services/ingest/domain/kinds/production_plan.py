"""What a plant plans to make in a week."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="production_plan",
    schema_version=1,
    doc="Planned cases of a product by plant and ISO week.",
    occurred="updated_at",
    day="week",
    fields=fields(
        Field(name="plant", type=FieldType.CODE, key=True, required=True, doc="Plant."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="week", type=FieldType.WEEK, key=True, required=True, doc="ISO week, 2025-W03."),
        Field(
            name="plan_cases",
            type=FieldType.NUMBER,
            required=True,
            minimum=0,
            doc="Planned quantity, standard cases.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="frozen", type=FieldType.FLAG, default=False, doc="Whether the plan may no longer change."),
        Field(name="version", type=FieldType.INTEGER, default=1, minimum=0, doc="Version of the plan."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
