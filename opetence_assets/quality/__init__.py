"""What is measured of every table, kept as history; what of a day is unlike its weekday."""
