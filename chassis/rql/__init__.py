"""One query language for searches, conditions and streams; see README.md beside this file."""
