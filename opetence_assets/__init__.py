"""Opetence: one declaration per dataset, everything else derived from it."""
