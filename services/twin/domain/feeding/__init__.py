"""What feeds twins: mapping files by record kind, and the regions file."""
