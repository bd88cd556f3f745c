"""Where the lake (or the backup store) lives: a local folder or ``s3://``, behind the same few functions.

The one primitive everything rests on is ``put_new``: a whole file appears under a name that did not exist, durably,
or it does not appear. Commits and releases are both made of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from opetence_assets.lake.durability import fsync_file, fsync_folder, made_folder

if TYPE_CHECKING:
    from datetime import datetime

    from obstore.store import LocalStore, S3Store

    from opetence_assets.settings import Settings

TEMPORARY = ".tmp"
# delta-rs decodes %xx in a local path and then looks in the wrong folder; the others are wildcards to DuckDB
REFUSED_IN_PATHS = frozenset("%*?[]")
S3_ADDRESS = re.compile(r"s3://[a-z0-9.-]+(/[\w.=-]+)*/?", re.ASCII)  # delta-rs encodes other characters twice
S3_CLIENT_OPTIONS = {"AWS_ALLOW_HTTP": "allow_http"}
S3_OPTIONS = re.compile(
    "AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|ENDPOINT|ENDPOINT_URL|SKIP_SIGNATURE"
    "|VIRTUAL_HOSTED_STYLE_REQUEST|WEB_IDENTITY_TOKEN_FILE|ROLE_ARN|ROLE_SESSION_NAME|METADATA_ENDPOINT|CONTAINER_.*)"
)


class LakeError(Exception):
    """The lake is not as it must be; names the table or place, what was found, what is allowed, and what to do."""


@dataclass(frozen=True)
class Lake:
    """A place: an absolute local path or ``s3://bucket/prefix`` (no slash at the end), and its AWS_* options."""

    uri: str
    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, hash=False)

    @property
    def is_local(self) -> bool:
        return "://" not in self.uri

    def address(self, path: str) -> str:
        """A plain path or ``s3://`` address that Polars, PyArrow and DuckDB open as it is."""
        return f"{self.uri}/{path}" if path else self.uri


def lake_at(settings: Settings) -> Lake:
    """The lake of these settings.

    Raises:
        LakeError: the address is one that a reader of the lake would misread.
    """
    return place_at(settings.lake, settings.storage_options)


def place_at(uri: str, options: Mapping[str, str] | None = None) -> Lake:
    """A place by its path, ``file://`` or ``s3://`` address; of the options only S3's are kept.

    Raises:
        LakeError: another scheme, or a character in a local path that some reader would misread.
    """
    uri = uri.removeprefix("file://")
    if S3_ADDRESS.fullmatch(uri):
        known = {k: v for k, v in (options or {}).items() if S3_OPTIONS.fullmatch(k) or k in S3_CLIENT_OPTIONS}
        return Lake(uri.rstrip("/"), known)
    if "://" in uri:
        raise LakeError(f"{uri}: found an address not understood; allowed: a folder or s3://bucket/plain/prefix")
    path = str(Path(uri).resolve())
    wrong = sorted(REFUSED_IN_PATHS & set(path))
    if wrong:
        raise LakeError(f"{path}: found {' '.join(wrong)} in the path; allowed: any other character")
    return Lake(path)


def store_of(lake: Lake) -> LocalStore | S3Store:
    """The obstore store rooted at the place; on S3 always the same one of a process, with its connections open."""
    if lake.is_local:
        from obstore.store import LocalStore

        return LocalStore(prefix=lake.uri, mkdir=True)
    return _client(lake.uri, tuple(sorted(lake.options.items())), os.getpid())


@lru_cache(maxsize=16)
def _client(uri: str, options: tuple[tuple[str, str], ...], process: int) -> S3Store:
    """A client costs 4 CPU-ms, and a handshake with the server at its first request. No fork may share one."""
    from obstore.store import S3Store

    config = {k: v for k, v in options if k not in S3_CLIENT_OPTIONS}
    allow_http = dict(options).get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")
    return S3Store.from_url(uri, config=config, client_options={"allow_http": allow_http})  # pyright: ignore[reportArgumentType]


def put_new(lake: Lake, path: str, data: bytes) -> bool:
    """Creates ``path`` with ``data``, whole and durable before anybody can see it; False if it exists already."""
    if not lake.is_local:
        return _put_new_object(lake, path, data)
    target = Path(lake.address(path))
    made_folder(target.parent)
    temporary = target.with_name(f"_{uuid4().hex}{TEMPORARY}")
    try:
        temporary.write_bytes(data)
        fsync_file(temporary)
        os.link(temporary, target)  # fails where the name is taken: the file system decides the race
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(target.parent)
    return True


def read(lake: Lake, path: str) -> bytes:
    """A whole small file.

    Raises:
        FileNotFoundError: there is none.
    """
    if lake.is_local:
        return Path(lake.address(path)).read_bytes()
    import obstore

    return bytes(obstore.get(store_of(lake), path).bytes())


def listing(lake: Lake, prefix: str, after: str | None = None) -> list[str]:
    """Every file in the folder ``prefix`` and below, sorted, as paths from the place's root; temporary files left out.

    ``after`` skips the paths up to and including it.
    """
    found = _local_files(lake, prefix.rstrip("/")) if lake.is_local else _objects(lake, prefix, after)
    return sorted(path for path in found if not path.endswith(TEMPORARY) and (after is None or path > after))


def files_before(
    lake: Lake, prefix: str, moment: datetime, named: Callable[[str], object] = lambda _: True
) -> list[str]:
    """Files in a folder and below, temporary ones included, of such names, last written before a moment."""
    if lake.is_local:
        found = [path for path in _local_files(lake, prefix) if named(path.rpartition("/")[2])]
        return [path for path in found if os.stat(lake.address(path)).st_mtime < moment.timestamp()]
    import obstore

    pages = obstore.list(store_of(lake), prefix.rstrip("/") + "/")
    entries = (entry for page in pages for entry in page if entry["last_modified"] < moment)
    return [entry["path"] for entry in entries if named(entry["path"].rpartition("/")[2])]


def written_at(lake: Lake, prefix: str) -> dict[str, datetime]:
    """When each file in a folder and below was last written, by path; temporary files left out."""
    from datetime import UTC, datetime

    if lake.is_local:
        paths = listing(lake, prefix)
        return {path: datetime.fromtimestamp(os.stat(lake.address(path)).st_mtime, UTC) for path in paths}
    import obstore

    pages = obstore.list(store_of(lake), prefix.rstrip("/") + "/")
    return {entry["path"]: entry["last_modified"] for page in pages for entry in page}


def deleted(lake: Lake, paths: Iterable[str]) -> None:
    """Deletes files; those already gone are no error."""
    for path in paths:
        if lake.is_local:
            Path(lake.address(path)).unlink(missing_ok=True)
        else:
            import obstore

            obstore.delete(store_of(lake), path)


def _local_files(lake: Lake, prefix: str) -> list[str]:
    found: list[str] = []
    pending, root = [lake.address(prefix)], len(lake.uri) + 1
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        found.append(entry.path[root:])
        except FileNotFoundError:
            continue
    return found


def _objects(lake: Lake, prefix: str, after: str | None) -> list[str]:
    import obstore

    pages = obstore.list(store_of(lake), prefix.rstrip("/") + "/" if prefix else None, offset=after)
    return [entry["path"] for page in pages for entry in page]


def _put_new_object(lake: Lake, path: str, data: bytes) -> bool:
    import obstore
    from obstore.exceptions import AlreadyExistsError

    try:
        obstore.put(store_of(lake), path, data, mode="create")
    except AlreadyExistsError:
        # A put whose answer was lost is sent again by the client and then finds itself: the same bytes are our own.
        return read(lake, path) == data
    return True
