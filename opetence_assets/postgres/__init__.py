"""Production's PostgreSQL, backed up by its own tools: hourly base backups, WAL as it is written, any second back."""
