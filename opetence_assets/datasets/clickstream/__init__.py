"""What visitors do in the shop's pages: JSON events in Kafka, each topic keyed by session.

The browser sends an event when it can: one in a hundred comes twice, some come two days late, a few are cut off.
"""

from opetence_assets.sources.kafka import Kafka

clickstream = Kafka("clickstream", brokers="CLICKSTREAM_KAFKA_BROKERS")
EVENT = ("event_id", "session_id", "user_id", "ip", "occurred_at", "sent_at")
