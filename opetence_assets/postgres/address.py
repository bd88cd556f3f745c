"""Production's address as libpq's environment variables: an argument is read by every user of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from opetence_assets.postgres.refused import refused
from opetence_assets.sources.postgres_server import opened

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

URI = "OPETENCE_PRODUCTION_BACKUP_URI"
NAMES = {
    **{"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER"},
    **{"password": "PGPASSWORD", "passfile": "PGPASSFILE", "service": "PGSERVICE", "sslmode": "PGSSLMODE"},
    **{"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL"},
    **{"connect_timeout": "PGCONNECT_TIMEOUT", "channel_binding": "PGCHANNELBINDING", "options": "PGOPTIONS"},
    **{"require_auth": "PGREQUIREAUTH", "gssencmode": "PGGSSENCMODE", "target_session_attrs": "PGTARGETSESSIONATTRS"},
}


def production_uri(settings: Settings) -> str | None:
    """Where production is backed up from; None where nobody said."""
    return settings.variables.get(URI, "").strip() or None


def working_folder(settings: Settings) -> Path:
    """Where base backups and the log are received, on this machine."""
    return settings.home / "postgres"


def libpq_variables(uri: str) -> dict[str, str]:
    """A connection string as the variables that PostgreSQL's programs read.

    Raises:
        DataError: it is no URI, or has a parameter without a variable; the value is not shown.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("postgresql", "postgres"):
        raise refused(f"{URI} that is no postgresql:// URI", "postgresql://role:password@host:port/database", "set it")
    found = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(parts.hostname or ""),
        "port": str(parts.port or ""),
        "dbname": unquote(parts.path.lstrip("/")),
        **dict(parse_qsl(parts.query, keep_blank_values=True)),
    }
    if unknown := sorted(found.keys() - NAMES.keys()):
        raise refused(f"{', '.join(unknown)} in {URI}", ", ".join(NAMES), "take it out of the address")
    return {NAMES[name]: value for name, value in found.items() if value}


def asked(uri: str, sql: str) -> tuple[Any, ...]:
    """The only row of a question to production.

    Raises:
        DataError: nobody answers there, or the role may not ask.
    """
    import adbc_driver_postgresql.dbapi as adbc

    try:
        with opened(uri) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()[0]
    except adbc.Error as error:
        state = getattr(error, "sqlstate", None)
        raise refused(
            f"no answer at {URI} ({type(error).__name__}, SQLSTATE {state})",
            "a reachable PostgreSQL and a role with REPLICATION",
            "opetence sandbox up   (or check the address and the server's log)",
        ) from None  # the driver's own message repeats the connection string


def told(uri: str) -> Mapping[str, Any]:
    """What must be known of the server before a backup of it."""
    names = ("major", "system", "segment_bytes", "summaries", "tablespaces", "superuser", "database", "now")
    return dict(zip(names, asked(uri, TOLD), strict=True))


TOLD = """SELECT current_setting('server_version_num')::int / 10000,
    (SELECT system_identifier FROM pg_control_system()),
    pg_size_bytes(current_setting('wal_segment_size')), current_setting('summarize_wal')::bool,
    (SELECT count(*) FROM pg_tablespace) - 2, (SELECT rolname::text FROM pg_roles WHERE oid = 10),
    current_database()::text, clock_timestamp()"""
