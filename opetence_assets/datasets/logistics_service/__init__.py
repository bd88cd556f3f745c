"""The logistics service's PostgreSQL schema."""

from datetime import timedelta

from opetence_assets.sources.postgres import Postgres

logistics_service = Postgres(system="logistics_service", schema="logistics_service", dsn="LOGISTICS_SERVICE_DSN")
LAG = timedelta(minutes=10)
