"""Dataset × zone → Dagster asset."""
