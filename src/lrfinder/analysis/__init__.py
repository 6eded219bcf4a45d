"""Pure functions on arrays of rates and losses."""
