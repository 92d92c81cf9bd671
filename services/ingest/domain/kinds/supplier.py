"""A supplier of a material."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="supplier",
    schema_version=1,
    doc="Who supplies a material, and how long it takes.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(name="supplier_code", type=FieldType.CODE, key=True, required=True, doc="Code of the supplier."),
        Field(name="material", type=FieldType.CODE, key=True, required=True, doc="Material: tobacco, paper, rods..."),
        Field(name="name", type=FieldType.TEXT, required=True, doc="Name of the supplier."),
        Field(
            name="lead_days",
            type=FieldType.INTEGER,
            minimum=0,
            maximum=1000,
            doc="Days from order to receipt, as agreed.",
        ),
        Field(name="min_order", type=FieldType.MEASURE, minimum=0, doc="Smallest order, in the unit beside it."),
        Field(name="unit", type=FieldType.CODE, doc="Unit in which the material is ordered."),
        Field(
            name="price",
            type=FieldType.MONEY,
            minimum=0,
            doc="Agreed price of one unit.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
        Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
