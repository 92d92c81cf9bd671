"""A measurement of a laboratory."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="quality_test",
    schema_version=1,
    doc="One measured property of a sample with its limits and verdict.",
    occurred="sampled_at",
    fields=fields(
        Field(name="lab", type=FieldType.CODE, key=True, required=True, doc="Laboratory."),
        Field(name="test_no", type=FieldType.CODE, key=True, required=True, doc="Number of the test."),
        Field(name="sku_code", type=FieldType.CODE, required=True, doc="Product tested."),
        Field(name="batch_no", type=FieldType.CODE, doc="Production batch of the sample."),
        Field(name="sampled_at", type=FieldType.TIME, required=True, doc="When the sample was taken."),
        Field(
            name="item",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "weight_g",
                "draw_resistance_pa",
                "circumference_mm",
                "hardness_pct",
                "ventilation_pct",
                "moisture_pct",
                "tar_mg",
                "nicotine_mg",
                "co_mg",
                "appearance_score",
            ),
            doc="Property; its unit is part of its name.",
        ),
        Field(
            name="value",
            type=FieldType.NUMBER,
            required=True,
            doc="Measured value, in the unit of the property.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="lsl", type=FieldType.NUMBER, doc="Lower limit, in the unit of the property."),
        Field(name="usl", type=FieldType.NUMBER, doc="Upper limit, in the unit of the property."),
        Field(
            name="verdict",
            type=FieldType.CHOICE,
            values=(
                "pass",
                "fail",
            ),
            doc="Whether the sample passed.",
        ),
    ),
)
