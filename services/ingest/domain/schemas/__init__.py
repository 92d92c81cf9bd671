"""What kinds are made of, and the shapes that follow: JSON Schema, tables, templates."""
