"""How much of a product each tier of shops may order in a week (货源投放)."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="allocation_policy",
    schema_version=1,
    doc="Caps by tier for a product, an area and an ordering week.",
    occurred="updated_at",
    day="cycle",
    place="org_code",
    fields=fields(
        Field(name="org_code", type=FieldType.CODE, key=True, required=True, doc="Company that sets the policy."),
        Field(name="cycle", type=FieldType.WEEK, key=True, required=True, doc="ISO week of the ordering, 2025-W03."),
        Field(name="sku_code", type=FieldType.CODE, key=True, required=True, doc="Product."),
        Field(
            name="area",
            type=FieldType.CODE,
            key=True,
            default="all",
            doc="Area the policy holds for; all of the company where absent.",
        ),
        Field(
            name="method",
            type=FieldType.CHOICE,
            required=True,
            values=(
                "by_tier",
                "by_tier_ext",
                "by_price_band",
                "on_demand",
            ),
            doc="How the caps are set.",
        ),
        Field(
            name="ext",
            type=FieldType.CHOICE,
            values=(
                "county",
                "market_type",
                "county+market_type",
                "urban_rural_code",
                "store_format",
            ),
            doc="What a tier is split by.",
        ),
        Field(
            name="caps_cartons",
            type=FieldType.LIST,
            items=FieldType.INTEGER,
            minimum=0,
            maximum=30,
            doc="Cap of tier 1, 2, ... up to 30, cartons.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="caps_may_fall", type=FieldType.FLAG, default=False, doc="The caps may be lower for a higher tier."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
