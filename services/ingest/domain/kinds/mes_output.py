"""What a machine made in a shift."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="mes_output",
    schema_version=2,
    doc="Good, scrapped and reworked quantity of a machine, with the material used.",
    occurred="ended_at",
    fields=fields(
        Field(name="plant", type=FieldType.CODE, key=True, required=True, doc="Plant."),
        Field(name="wo_no", type=FieldType.CODE, key=True, required=True, doc="Work order."),
        Field(name="batch_no", type=FieldType.CODE, key=True, required=True, doc="Production batch."),
        Field(name="shift", type=FieldType.CODE, key=True, required=True, doc="Shift."),
        Field(name="machine", type=FieldType.CODE, key=True, required=True, doc="Machine."),
        Field(name="sku_code", type=FieldType.CODE, doc="Product made; that of the work order where absent."),
        Field(
            name="good_base",
            type=FieldType.QUANTITY,
            required=True,
            doc="Good output, base units.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="scrap_base", type=FieldType.QUANTITY, doc="Scrap, base units.", data_class=DataClass.IMPORTANT),
        Field(name="rework_base", type=FieldType.QUANTITY, doc="Rework, base units.", data_class=DataClass.IMPORTANT),
        Field(name="tobacco_kg", type=FieldType.NUMBER, minimum=0, doc="Tobacco used.", data_class=DataClass.IMPORTANT),
        Field(name="filter_rods", type=FieldType.NUMBER, minimum=0, unit="piece", doc="Filter rods used."),
        Field(name="wrap_paper_m", type=FieldType.NUMBER, minimum=0, doc="Wrapping paper used."),
        Field(name="started_at", type=FieldType.TIME, required=True, doc="Start of the period."),
        Field(name="ended_at", type=FieldType.TIME, required=True, doc="End of the period."),
        added=(Field(name="line_code", type=FieldType.CODE, doc="Production line."),),
    ),
)
