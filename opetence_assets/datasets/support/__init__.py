"""Zendesk's incremental exports. Times are whole seconds, UTC; an export may bring a row twice."""

from opetence_assets.sources.rest import Rest

support = Rest(
    "support",
    url="ZENDESK_URL",
    auth={"type": "http_basic", "username": "{ZENDESK_EMAIL}/token", "password": "{ZENDESK_TOKEN}"},
)
