"""What the shop says about its products, and its customers about them: documents in MongoDB."""

from datetime import timedelta

from opetence_assets.sources.mongodb import Mongo

catalog = Mongo("catalog", uri="CATALOG_MONGO_URI")
LAG = timedelta(minutes=5)  # a write is stamped by the service before it reaches a secondary
