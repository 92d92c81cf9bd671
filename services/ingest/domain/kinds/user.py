"""A person who works with the system, and what that person may see."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="user",
    schema_version=1,
    doc="A user: company, roles and scope; no name, no phone.",
    is_master=True,
    occurred="updated_at",
    fields=fields(
        Field(
            name="user_id",
            type=FieldType.CODE,
            key=True,
            required=True,
            doc="Id of the user.",
            data_class=DataClass.PERSONAL,
        ),
        Field(
            name="org_kind",
            type=FieldType.CHOICE,
            values=(
                "industrial",
                "province_commercial",
                "city_commercial",
                "county_branch",
                "other",
            ),
            doc="Which side of the trade the user works for.",
        ),
        Field(name="roles", type=FieldType.LIST, items=FieldType.CODE, doc="Roles of the user."),
        Field(name="wecom_userid", type=FieldType.CODE, doc="Id of the user in WeCom.", data_class=DataClass.PERSONAL),
        Field(
            name="scope_org_codes",
            type=FieldType.LIST,
            items=FieldType.CODE,
            doc="Companies the user may see; all of the own company where absent.",
        ),
        Field(name="scope_adcodes", type=FieldType.LIST, items=FieldType.CODE, doc="Regions the user may see."),
        Field(name="scope_sku_codes", type=FieldType.LIST, items=FieldType.CODE, doc="Products the user may see."),
        Field(name="valid_from", type=FieldType.DATE, doc="First day on which this holds."),
        Field(name="valid_to", type=FieldType.DATE, doc="Last day on which this holds; open where absent."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
