"""The order service's PostgreSQL schema; its transactions may commit minutes after they stamped their rows."""

from datetime import timedelta

from opetence_assets.sources.postgres import Postgres

order_service = Postgres(system="order_service", schema="order_service", dsn="ORDER_SERVICE_DSN")
LAG = timedelta(minutes=10)
ORDER_ID = r"O\d{10}$"
