"""What the door knows beside the records: shops, products, regions, last stocks."""
