"""A revision of how a product is made."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="product_design",
    schema_version=1,
    doc="Dimensions, papers and blend of a product revision.",
    is_master=True,
    occurred="approved_at",
    fields=fields(
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(name="revision", type=FieldType.CODE, key=True, required=True, doc="Revision of the design."),
        Field(name="length_mm", type=FieldType.NUMBER, minimum=40, maximum=120, doc="Length of the stick."),
        Field(
            name="circumference_mm", type=FieldType.NUMBER, minimum=14, maximum=26, doc="Circumference of the stick."
        ),
        Field(name="filter_mm", type=FieldType.NUMBER, minimum=0, maximum=120, doc="Length of the filter."),
        Field(name="tip_paper", type=FieldType.CODE, doc="Tipping paper.", data_class=DataClass.IMPORTANT),
        Field(name="blend_code", type=FieldType.CODE, doc="Blend of the tobacco.", data_class=DataClass.IMPORTANT),
        Field(name="ventilation_pct", type=FieldType.NUMBER, minimum=0, maximum=100, doc="Ventilation of the filter."),
        Field(name="pack_model_uri", type=FieldType.CODE, doc="glTF model of the pack, for the 3D client."),
        Field(name="approved_at", type=FieldType.TIME, doc="When the revision was approved."),
    ),
)
