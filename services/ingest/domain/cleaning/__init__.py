"""A batch on its way from raw columns to records, and what is told about it."""
