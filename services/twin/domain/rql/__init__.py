"""The query language of twins; see README.md beside this file."""
