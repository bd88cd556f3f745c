"""A declaration compiled: Pandera's schema and rules as one plan that judges rows and measures columns in one scan."""
