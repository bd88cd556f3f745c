"""Connections to MongoDB, and what its errors mean to a load; none of their texts is repeated: they quote documents."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

    from opetence_assets.settings import Settings

CONNECT_MS, ANSWER_MS = 10_000, 60_000  # patience; pymongo retries a read once by itself
REFUSED = (13, 18, 8000)  # error codes: not authorized, wrong credentials, Atlas' own word for both
HISTORY_LOST = (260, 280, 286)  # error codes: the token is invalid, fatal for the stream, or older than the oplog


def client_of(variable: str, settings: Settings, dataset: str) -> MongoClient[dict[str, Any]]:
    """A client of the address in a variable; secondaries are read where there are any.

    Raises:
        DataError: the address is malformed.
    """
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    address = settings.secret(variable, dataset=dataset)
    try:
        return MongoClient(
            address,
            readPreference="secondaryPreferred",
            serverSelectionTimeoutMS=CONNECT_MS,
            connectTimeoutMS=CONNECT_MS,
            socketTimeoutMS=ANSWER_MS,
            appname="opetence",
        )
    except (PyMongoError, ValueError) as error:
        raise _unusable(dataset, variable, f"an address that cannot be used ({type(error).__name__})") from None


def collection_of(client: MongoClient[dict[str, Any]], system: str, name: str) -> Collection[dict[str, Any]]:
    """A collection of the database that the address names, otherwise of the one called like the system."""
    from bson.codec_options import CodecOptions, DatetimeConversion

    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True,
        tzinfo=UTC,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,  # years that Python does not have land as milliseconds
        unicode_decode_error_handler="surrogateescape",  # text that is no UTF-8 makes one broken row, not a dead read
    )
    return client.get_default_database(system).get_collection(name, codec_options=options)


def server_time(client: MongoClient[dict[str, Any]]) -> datetime:
    """The server's own clock."""
    return client.admin.command("hello")["localTime"].replace(tzinfo=UTC)


@contextmanager
def answered(dataset: str, variable: str, rows: Callable[[], int] | None = None) -> Generator[None]:
    """Turns the driver's errors into ``DataError``; ``rows`` counts what had been read."""
    from bson.errors import BSONError
    from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

    try:
        yield
    except OperationFailure as error:
        if error.code in REFUSED:
            raise _unusable(dataset, variable, "a server that refuses the credentials") from None
        if error.code in HISTORY_LOST:
            raise DataError(
                dataset,
                found=f"a resume token that the server no longer knows (error {error.code})",
                allowed="a load before the changes leave the server's oplog",
                next_command=f"opetence run --select {dataset} --reload",
            ) from None
        raise _stopped(dataset, f"error {error.code}", rows) from None
    except ServerSelectionTimeoutError:
        raise _unusable(dataset, variable, "no MongoDB answering") from None
    except NetworkTimeout:
        raise _stopped(dataset, f"no answer within {ANSWER_MS // 1000} s", rows) from None
    except (PyMongoError, BSONError) as error:
        raise _stopped(dataset, type(error).__name__, rows) from None


def _unusable(dataset: str, variable: str, found: str) -> DataError:
    return DataError(
        dataset,
        found=f"{found} at {variable}",
        allowed="a reachable server and credentials that may read the collection",
        next_command="opetence sandbox up   (or check the address and the server's log)",
    )


def _stopped(dataset: str, reason: str, rows: Callable[[], int] | None) -> DataError:
    read = f" after {rows():,} rows" if rows else ""
    return DataError(
        dataset,
        found=f"the source failed{read} ({reason})",
        allowed="a read that reaches its end; nothing of this one was kept",
        next_command=f"opetence run --select {dataset}",
    )
