"""Several sources of one property, and the one value that is shown of them."""
