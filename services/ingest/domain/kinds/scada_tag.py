"""A signal of a machine, and what is expected of it."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="scada_tag",
    schema_version=1,
    doc="A signal of a machine: how often it should come, and which values and changes are plausible.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(name="tag", type=FieldType.CODE, key=True, required=True, doc="Name, plant.area.machine.signal."),
        Field(name="machine", type=FieldType.CODE, doc="Machine it belongs to."),
        Field(name="unit", type=FieldType.CODE, doc="Unit of its values."),
        Field(
            name="period_ms",
            type=FieldType.INTEGER,
            minimum=1,
            maximum=86_400_000,
            doc="Expected time between two samples, ms.",
        ),
        Field(name="low", type=FieldType.NUMBER, doc="Least plausible value."),
        Field(name="high", type=FieldType.NUMBER, doc="Greatest plausible value."),
        Field(name="rate_per_s", type=FieldType.NUMBER, minimum=0, doc="Largest plausible change in a second."),
        Field(
            name="may_rest",
            type=FieldType.FLAG,
            default=False,
            doc="Whether its value may stay the same for hours although the machine runs.",
        ),
        Field(
            name="shows_running",
            type=FieldType.FLAG,
            default=False,
            doc="Whether a value above zero says that the machine runs.",
        ),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
