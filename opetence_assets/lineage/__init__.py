"""Columns across the zones: where each comes from, whom it reaches, and which of them are personal."""
