"""The web shop as Google Analytics 4 measured it. GA goes on correcting a day for about three."""

from opetence_assets.sources.analytics import Analytics

web = Analytics("web", property_id="GA_PROPERTY", endpoint="GA_ENDPOINT", credentials="GA_CREDENTIALS")
