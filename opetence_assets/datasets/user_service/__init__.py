"""The user service's PostgreSQL schema: most of the company's personal data."""

from datetime import timedelta

from opetence_assets.sources.postgres import Postgres

user_service = Postgres(system="user_service", schema="user_service", dsn="USER_SERVICE_DSN")
LAG = timedelta(minutes=10)
