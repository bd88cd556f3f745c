"""Files dropped into a bucket: listed by their tags, transferred once, never again what was taken."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError
from opetence_assets.sources.drops import Dropped, refuse_size
from opetence_assets.sources.formats.specs import Refused

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

_ADDRESS = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,62})((?:/[\w.=-]+)*)/?", re.ASCII)
_CHUNK = 2**20
# Google's storage speaks the same protocol to whoever has an HMAC key (the interoperability setting of the bucket).
_GOOGLE = "https://storage.googleapis.com"
_ATTEMPTS, _TIMEOUT = 4, 20  # tries a request, seconds each may stay silent


@dataclass(frozen=True)
class Bucket:
    """The objects right below one prefix; what lies deeper is nobody's file."""

    bucket: str
    prefix: str  # with a slash at its end
    dataset: str
    options: tuple[tuple[str, str], ...] = field(repr=False)

    def listed(self) -> list[Dropped]:
        found: list[Dropped] = []
        with self._errors("listed"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix, Delimiter="/"):
                found += [self._dropped(entry) for entry in page.get("Contents", ())]
        return sorted((file for file in found if file.name and not file.name.startswith(".")), key=lambda f: f.name)

    def seen(self, file: Dropped) -> str | None:
        """The object's address, tag and length: taken once under these, it is not transferred again."""
        told = f"{self.bucket}/{self.prefix}{file.name}\n{file.state}"
        return f"object:{hashlib.sha256(told.encode()).hexdigest()}"

    def identity(self, file: Dropped) -> str | None:
        return None

    @contextmanager
    def opened(self, file: Dropped, scratch: Path, largest: int) -> Generator[tuple[Path, str]]:
        refuse_size(file.size, largest)
        scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix="object-", dir=scratch))
        path, digest = folder / "content", hashlib.sha256()
        try:
            with self._errors("read"):
                body = self._object(file)
                with path.open("wb") as target:
                    for chunk in body.iter_chunks(_CHUNK):
                        digest.update(chunk)
                        target.write(chunk)
            yield path, digest.hexdigest()
        finally:
            path.unlink(missing_ok=True)
            folder.rmdir()

    def _object(self, file: Dropped) -> Any:
        """The body of the very object that was listed."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client().get_object(
                Bucket=self.bucket, Key=self.prefix + file.name, IfMatch=file.state.split(" ")[0]
            )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412):
                raise Refused("changed while it was read") from None
            raise
        return answer["Body"]

    def _dropped(self, entry: Any) -> Dropped:
        return Dropped(entry["Key"].removeprefix(self.prefix), entry["Size"], f"{entry['ETag']} {entry['Size']}")

    def _client(self) -> Any:
        return _client(self.options)

    @contextmanager
    def _errors(self, done: str) -> Generator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            found = f"the bucket could not be {done} ({error.response.get('Error', {}).get('Code', 'unknown')})"
        except BotoCoreError as error:
            found = f"the bucket could not be {done} ({type(error).__name__})"
        else:
            return
        raise DataError(
            self.dataset,
            found=found,
            allowed=f"objects below {self.bucket}/{self.prefix} that these credentials may list and read",
            next_command="check OPETENCE_DROP and the AWS_ variables, then run it again",
        )


def bucket_drop(address: str, name: str, dataset: str, settings: Settings) -> Bucket:
    """The place of a dataset's files below ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Raises:
        DataError: the address is of another form.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or ".." in found[3]:
        raise DataError(
            dataset,
            found="OPETENCE_DROP is no address that is understood",
            allowed="a folder, s3://bucket/prefix or gs://bucket/prefix of plain names",
            next_command="set OPETENCE_DROP and run it again",
        )
    options = dict(settings.storage_options)
    if found[1] == "gs":
        options.setdefault("AWS_ENDPOINT_URL", _GOOGLE)
    prefix = f"{found[3].strip('/')}/{name}/".lstrip("/")
    return Bucket(found[2], prefix, dataset, tuple(sorted(options.items())))


@lru_cache(maxsize=4)
def _client(options: tuple[tuple[str, str], ...]) -> Any:
    import boto3
    from botocore.config import Config

    told = dict(options)
    return boto3.client(
        "s3",
        region_name=told.get("AWS_REGION") or told.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_url=told.get("AWS_ENDPOINT_URL") or told.get("AWS_ENDPOINT"),
        aws_access_key_id=told.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=told.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=told.get("AWS_SESSION_TOKEN"),
        config=Config(
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            connect_timeout=_TIMEOUT,
            read_timeout=_TIMEOUT,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
