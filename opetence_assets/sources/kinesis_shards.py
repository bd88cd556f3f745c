"""The shards of a Kinesis stream, in the order they must be read, and their records from a sequence number on."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

# The service's own throttling is retried by its client: at most so often, with pauses that grow to 20 seconds.
ATTEMPTS = 8
CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
LOOKS_BACK = tuple(timedelta(seconds=s) for s in (5, 60, 600, 7_200, 86_400, 604_800, 31_536_000))
CREDENTIALS = ("UnrecognizedClientException", "InvalidSignatureException", "AccessDeniedException", "ExpiredToken")
EXPIRED = "ExpiredIteratorException"  # an iterator lives for five minutes


class Account(Protocol):
    """The names of the variables that say where the streams are and who may read them."""

    @property
    def region(self) -> str: ...
    @property
    def endpoint(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def secret(self) -> str | None: ...


@dataclass(frozen=True)
class Shard:
    """A part of a stream; ``ended`` is its last sequence number if it was split or merged."""

    name: str
    parents: tuple[str, ...]
    ended: str | None


@dataclass(frozen=True)
class Stream:
    """A stream as one dataset reads it."""

    client: Any
    name: str
    dataset: str

    def shards(self) -> list[Shard]:
        """All shards that still hold records, parents before their children."""
        found: list[Shard] = []
        question: dict[str, str] = {"StreamName": self.name}
        with self._answered():
            while True:
                answer = self.client.list_shards(**question)
                found += map(_shard, answer["Shards"])
                if not answer.get("NextToken"):
                    return _parents_first(found)
                question = {"NextToken": answer["NextToken"]}

    def read(self, shard: Shard, after: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """The records after a sequence number, or all, up to the shard's end or its tip.

        The newest record that was read is asked for once more: only if it is still there is nothing missing after it.

        Raises:
            DataError: it is gone, and with it perhaps others that were never read.
        """
        expected = after
        for records in self._pages(shard, {"AT": after} if after else {"TRIM_HORIZON": None}):
            if expected and records:
                if records[0]["SequenceNumber"] != expected:
                    raise self._eaten(shard)
                records, expected = records[1:], None
            yield records

    def newest(self, shard: Shard) -> str:
        """The sequence number of a shard's newest record; empty if it holds none."""
        if shard.ended:
            return shard.ended
        for back in LOOKS_BACK:
            newest = ""
            for records in self._pages(shard, {"AT_TIMESTAMP": self._now() - back}):
                newest = records[-1]["SequenceNumber"] if records else newest
            if newest:
                return newest
        return ""

    def _pages(self, shard: Shard, start: dict[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
        with self._answered():
            iterator = self._iterator(shard, start)
            while iterator:
                try:
                    answer = self.client.get_records(ShardIterator=iterator)
                except self.client.exceptions.ExpiredIteratorException:
                    iterator = self._iterator(shard, start)
                    continue
                if answer["Records"]:
                    start = {"AFTER": answer["Records"][-1]["SequenceNumber"]}
                yield answer["Records"]
                iterator = answer.get("NextShardIterator")
                if answer.get("MillisBehindLatest", 0) == 0 and not (shard.ended and answer["Records"]):
                    return

    def _iterator(self, shard: Shard, start: dict[str, Any]) -> str:
        ((kind, value),) = start.items()
        where = {
            "AT": {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": value},
            "AFTER": {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": value},
            "AT_TIMESTAMP": {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": value},
            "TRIM_HORIZON": {"ShardIteratorType": "TRIM_HORIZON"},
        }[kind]
        return self.client.get_shard_iterator(StreamName=self.name, ShardId=shard.name, **where)["ShardIterator"]

    def _now(self) -> datetime:
        """The service's own clock."""
        answer = self.client.describe_limits()
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])

    def _eaten(self, shard: Shard) -> DataError:
        return DataError(
            self.dataset,
            found=f"retention has removed the newest record that was read of {self.name}/{shard.name}, and may have"
            " removed records that were not",
            allowed="a load before retention",
            next_command=f"to read what is left: opetence run --select {self.dataset} --reload",
        )

    @contextmanager
    def _answered(self) -> Generator[None]:
        """Turns the client's errors into ``DataError``, without their texts: those quote account and request."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in CREDENTIALS:
                raise self._unusable(f"credentials that are refused ({code})") from None
            if code == "ResourceNotFoundException":
                raise self._unusable(f"no stream {self.name}") from None
            raise self._unusable(f"a service that refuses ({code})") from None
        except BotoCoreError as error:
            raise self._unusable(f"no Kinesis answering ({type(error).__name__})") from None

    def _unusable(self, found: str) -> DataError:
        return DataError(
            self.dataset,
            found=f"{found}; nothing of this read was kept",
            allowed="a stream that exists, answers and may be read",
            next_command=f"aws kinesis describe-stream-summary --stream-name {self.name}, then run again",
        )


def client_of(account: Account, settings: Settings, dataset: str) -> Any:
    """A client with bounded patience."""
    import boto3
    from botocore.config import Config

    named = {
        "region_name": account.region,
        "endpoint_url": account.endpoint,
        "aws_access_key_id": account.key,
        "aws_secret_access_key": account.secret,
    }
    config = Config(
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
    )
    options = {option: settings.secret(name, dataset=dataset) for option, name in named.items() if name}
    return boto3.client("kinesis", config=config, **options)


def _shard(found: Mapping[str, Any]) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    return Shard(
        found["ShardId"],
        tuple(parent for parent in parents if parent),
        found["SequenceNumberRange"].get("EndingSequenceNumber"),
    )


def _parents_first(shards: list[Shard]) -> list[Shard]:
    ordered: dict[str, Shard] = {}
    waiting = {shard.name: shard for shard in sorted(shards, key=lambda shard: shard.name)}
    while waiting:
        ready = [shard for shard in waiting.values() if not waiting.keys() & set(shard.parents)]
        for shard in ready:
            ordered[shard.name] = waiting.pop(shard.name)
    return list(ordered.values())
