"""The database and its roles: the services own their tables, the platform's role may only read them and their log,
and another one may copy the whole server but read no table.
"""

from __future__ import annotations

from pathlib import Path

ROLES = r"""
\set QUIET 1
SET client_min_messages = warning;
SELECT 'CREATE ROLE shop LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop') \gexec
SELECT 'CREATE ROLE opetence_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opetence_reader') \gexec
SELECT 'CREATE DATABASE shop OWNER shop' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'shop') \gexec
ALTER ROLE opetence_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT REPLICATION CONNECTION LIMIT 30
    PASSWORD :'password';
ALTER ROLE opetence_reader SET default_transaction_read_only = on;
ALTER ROLE opetence_reader SET statement_timeout = '30min';
ALTER ROLE opetence_reader SET idle_in_transaction_session_timeout = '30min';
ALTER ROLE shop SET log_min_messages = error; -- ADBC begins transactions that are open, a warning each
SELECT 'CREATE ROLE opetence_backup' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opetence_backup') \gexec
ALTER ROLE opetence_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT REPLICATION CONNECTION LIMIT 10
    PASSWORD :'backup_password';
ALTER ROLE opetence_backup SET default_transaction_read_only = on;
REVOKE ALL ON DATABASE shop FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO opetence_reader, opetence_backup;
\connect shop
SET ROLE shop; -- a sandbox from before its log was read
SELECT 'CREATE PUBLICATION opetence FOR TABLE user_service.addresses'
    WHERE to_regclass('user_service.addresses') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'opetence') \gexec
"""


def ensure_roles(sockets: Path, password: str, backup_password: str) -> None:
    """Create what is missing and set the roles' passwords; idempotent. These travel on standard input."""
    from sandbox.postgres import run

    script = f"\\set ON_ERROR_STOP 1\n\\set password '{password}'\n\\set backup_password '{backup_password}'\n{ROLES}"
    run("psql", "-X", "-q", "-h", str(sockets), "-p", "5432", "-U", "postgres", "-d", "postgres", script=script)
