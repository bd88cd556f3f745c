"""Gold: dbt over pinned silver in a private DuckDB, published as a release."""
