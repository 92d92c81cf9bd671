"""Single values as sources write them, made one: text, times, units, names, lists, coordinates."""
