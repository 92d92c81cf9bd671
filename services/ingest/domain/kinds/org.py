"""A company of the trade: industrial, provincial, city or county."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="org",
    schema_version=2,
    doc="A company of the trade and the region it works in.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(
            name="org_code",
            type=FieldType.CODE,
            key=True,
            required=True,
            doc="Code of the company.",
            data_class=DataClass.PUBLIC,
        ),
        Field(
            name="kind",
            type=FieldType.CHOICE,
            values=("industrial", "province_commercial", "city_commercial", "county_branch", "other"),
            default="city_commercial",
            doc="Its place in the chain.",
            data_class=DataClass.PUBLIC,
        ),
        Field(name="parent", type=FieldType.CODE, doc="Code of the company above it.", data_class=DataClass.PUBLIC),
        Field(name="adcode", type=FieldType.CODE, doc="Region it works in.", data_class=DataClass.PUBLIC),
        Field(
            name="name",
            type=FieldType.TEXT,
            required=True,
            doc="Name in its own language.",
            data_class=DataClass.PUBLIC,
        ),
        Field(name="name_en", type=FieldType.TEXT, doc="English name.", data_class=DataClass.PUBLIC),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
        added=(
            Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
            Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        ),
    ),
)
