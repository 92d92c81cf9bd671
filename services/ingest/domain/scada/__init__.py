"""Signals of machines: what a tag is, the minutes made of its samples, and where samples are missing or doubtful."""
