"""Protobuf messages as the JSON that clients see."""
