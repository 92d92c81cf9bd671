"""A task of a warehouse robot."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="agv_task",
    schema_version=1,
    doc="What a robot carries from where to where, and how far it is.",
    occurred="queued_at",
    fields=fields(
        Field(name="task_no", type=FieldType.CODE, key=True, required=True, doc="Number of the task."),
        Field(name="wh_code", type=FieldType.CODE, doc="Warehouse."),
        Field(name="from_slot", type=FieldType.CODE, doc="Where it starts."),
        Field(name="to_slot", type=FieldType.CODE, doc="Where it ends."),
        Field(
            name="status",
            type=FieldType.CHOICE,
            values=(
                "queued",
                "assigned",
                "running",
                "done",
                "failed",
                "cancelled",
            ),
            default="queued",
            doc="Where the task stands.",
        ),
        Field(name="agv_no", type=FieldType.CODE, doc="Robot."),
        Field(name="queued_at", type=FieldType.TIME, required=True, doc="When it was queued."),
        Field(name="started_at", type=FieldType.TIME, doc="When it began."),
        Field(name="ended_at", type=FieldType.TIME, doc="When it ended."),
    ),
)
