"""The product service's PostgreSQL schema."""

from datetime import timedelta

from opetence_assets.sources.postgres import Postgres

product_service = Postgres(system="product_service", schema="product_service", dsn="PRODUCT_SERVICE_DSN")
LAG = timedelta(minutes=10)
