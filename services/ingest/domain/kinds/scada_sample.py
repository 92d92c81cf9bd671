"""A value of a tag, as the control system read it."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="scada_sample",
    schema_version=2,
    doc="One reading of a tag; kept in the columnar history and as one-minute aggregates, not in the book.",
    occurred="sampled_at",
    in_book=False,
    fields=fields(
        Field(name="tag", type=FieldType.CODE, key=True, required=True, doc="Tag, plant.area.machine.signal."),
        Field(name="sampled_at", type=FieldType.TIME, key=True, required=True, doc="When it was read."),
        Field(name="value", type=FieldType.NUMBER, doc="Value, in the unit beside it; a reading without one is bad."),
        Field(name="unit", type=FieldType.CODE, doc="Unit of the value."),
        Field(
            name="quality",
            type=FieldType.CHOICE,
            values=(
                "good",
                "uncertain",
                "bad",
            ),
            default="good",
            doc="What the control system thinks of the value.",
        ),
        Field(name="machine", type=FieldType.CODE, doc="Machine."),
    ),
)
