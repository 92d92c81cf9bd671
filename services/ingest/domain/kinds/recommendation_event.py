"""What became of a recommendation."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="recommendation_event",
    schema_version=1,
    doc="A recommendation was shown, accepted, rejected, done, or expired.",
    occurred="event_at",
    fields=fields(
        Field(name="rec_id", type=FieldType.CODE, key=True, required=True, doc="Recommendation."),
        Field(
            name="event",
            type=FieldType.CHOICE,
            key=True,
            required=True,
            values=(
                "shown",
                "accepted",
                "rejected",
                "done",
                "expired",
            ),
            doc="What happened.",
        ),
        Field(name="user_id", type=FieldType.CODE, doc="User who did it.", data_class=DataClass.PERSONAL),
        Field(name="reason", type=FieldType.TEXT, doc="Why."),
        Field(name="event_at", type=FieldType.TIME, doc="When it happened."),
    ),
)
