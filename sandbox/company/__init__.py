"""The company's systems besides PostgreSQL, as one process that speaks their protocols on the loopback interface.

Stripe, Zendesk, Google Analytics and a Google Sheet over HTTP, a MongoDB and a Kafka cluster: emulators that answer as
the real ones document it, told the same story as the shop's tables.
"""
