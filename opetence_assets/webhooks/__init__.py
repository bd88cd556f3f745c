"""Webhooks: verified, stored, and only then acknowledged."""
