"""A stretch of time in which a machine was in one state."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="equipment_state",
    schema_version=1,
    doc="State of a machine from one time to another; the stretches of a machine do not overlap.",
    occurred="from_at",
    fields=fields(
        Field(name="machine", type=FieldType.CODE, key=True, required=True, doc="Machine."),
        Field(name="from_at", type=FieldType.TIME, key=True, required=True, doc="When the state began."),
        Field(
            name="state",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "run",
                "idle",
                "stop",
                "fault",
                "maintain",
            ),
            doc="State of the machine.",
        ),
        Field(name="fault_code", type=FieldType.CODE, doc="Code of the fault."),
        Field(name="to_at", type=FieldType.TIME, doc="When the state ended; open where absent."),
        Field(name="plant", type=FieldType.CODE, doc="Plant."),
        Field(name="line_code", type=FieldType.CODE, doc="Production line."),
    ),
)
