"""Tokens, signatures, and what must be forgotten."""
