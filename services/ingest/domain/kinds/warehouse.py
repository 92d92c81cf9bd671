"""A warehouse of a plant, an industrial or a commercial company."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="warehouse",
    schema_version=1,
    doc="A place where stock lies, with its capacity.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(name="wh_code", type=FieldType.CODE, key=True, required=True, doc="Code of the warehouse."),
        Field(
            name="wh_kind",
            type=FieldType.CHOICE,
            values=(
                "plant",
                "industrial_dc",
                "commercial_dc",
            ),
            default="commercial_dc",
            doc="Whose warehouse it is.",
        ),
        Field(name="name", type=FieldType.TEXT, doc="Name of the warehouse."),
        Field(name="adcode", type=FieldType.CODE, doc="Region of the warehouse."),
        Field(name="lon", type=FieldType.NUMBER, minimum=-180, maximum=180, unit="deg", doc="Longitude, WGS-84."),
        Field(name="lat", type=FieldType.NUMBER, minimum=-90, maximum=90, unit="deg", doc="Latitude, WGS-84."),
        Field(
            name="capacity_cases",
            type=FieldType.NUMBER,
            minimum=0,
            doc="What it can hold, standard cases.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
        Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
