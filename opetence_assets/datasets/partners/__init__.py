"""Files that partners drop: each partner in a folder of its own, apart from every other and from operational data."""

from opetence_assets.sources.files import DropFolder

partners = DropFolder("partners")
