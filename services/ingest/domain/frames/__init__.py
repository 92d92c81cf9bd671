"""Columns, masks and digests: what rules and decoders are written in."""
