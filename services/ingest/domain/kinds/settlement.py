"""The payment of a transfer."""

from services.ingest.domain.schemas.fields import DataClass, Field, FieldType, Kind, fields

KIND = Kind(
    name="settlement",
    schema_version=1,
    doc="Invoice and payment of a transfer, with the difference.",
    occurred="updated_at",
    fields=fields(
        Field(name="settle_no", type=FieldType.CODE, key=True, required=True, doc="Number of the settlement."),
        Field(name="transfer_no", type=FieldType.CODE, required=True, doc="Transfer that is paid."),
        Field(name="invoice_no", type=FieldType.CODE, doc="Invoice."),
        Field(
            name="amount_ex_vat",
            type=FieldType.MONEY,
            required=True,
            doc="Amount of the invoice, ex VAT.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="vat", type=FieldType.MONEY, doc="VAT of the invoice.", data_class=DataClass.IMPORTANT),
        Field(name="paid", type=FieldType.MONEY, doc="Amount paid.", data_class=DataClass.IMPORTANT),
        Field(name="paid_on", type=FieldType.DATE, doc="Day of the payment."),
        Field(
            name="diff",
            type=FieldType.MONEY,
            doc="What is open: invoice and VAT less payment.",
            data_class=DataClass.IMPORTANT,
        ),
        Field(name="currency", type=FieldType.CODE, default="CNY", doc="ISO 4217 code."),
        Field(name="updated_at", type=FieldType.TIME, doc="When the source changed it."),
    ),
)
