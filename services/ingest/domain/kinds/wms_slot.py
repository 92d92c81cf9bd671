"""A slot of a warehouse."""

from services.ingest.domain.schemas.fields import Field, FieldType, Kind, fields

KIND = Kind(
    name="wms_slot",
    schema_version=1,
    doc="A place for pallets, its distance and what lies in it.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(name="wh_code", type=FieldType.CODE, key=True, required=True, doc="Warehouse."),
        Field(name="slot", type=FieldType.CODE, key=True, required=True, doc="Slot."),
        Field(name="zone", type=FieldType.CODE, doc="Zone of the warehouse."),
        Field(name="level", type=FieldType.INTEGER, minimum=0, maximum=100, doc="Level, 0 at the floor."),
        Field(name="max_pallets", type=FieldType.INTEGER, minimum=0, unit="pallet", doc="Pallets it can hold."),
        Field(name="occupied_pallets", type=FieldType.INTEGER, minimum=0, doc="Pallets in it."),
        Field(name="sku_code", type=FieldType.CODE, doc="Product that lies in it."),
        Field(
            name="abc",
            type=FieldType.CHOICE,
            values=(
                "A",
                "B",
                "C",
            ),
            doc="How often it is used.",
        ),
        Field(name="distance_m", type=FieldType.NUMBER, minimum=0, doc="Way to the gate."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
