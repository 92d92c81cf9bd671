"""What becomes of records later: versions, states, mending and replaying, fusing."""
