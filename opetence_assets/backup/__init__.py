"""Backups: content-addressed files and a hash-chained manifest per zone and day, verified and restored byte by byte."""
