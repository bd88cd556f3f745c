"""Where each partition of a topic begins, ends and was left: what is to be read, or why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError, Extract

if TYPE_CHECKING:
    from confluent_kafka import Consumer

AGAIN = "again"  # of a cursor: offsets before which a read of everything may meet rows that bronze holds


@dataclass(frozen=True)
class Span:
    """Offsets to read, [start, end); those below ``again`` may have been read before."""

    start: int
    end: int
    again: int = 0


@dataclass(frozen=True)
class Offsets:
    """A topic's offsets, asked of its brokers with patience (seconds for each question)."""

    consumer: Consumer
    topic: str
    dataset: str
    address: str  # the name of the variable that holds the brokers
    patience: float
    heard: list[str]

    def watermarks(self) -> dict[int, tuple[int, int]]:
        """The first offset of each partition and the one after its last.

        Raises:
            DataError: no broker answers, or there is no such topic.
        """
        from confluent_kafka import KafkaException, TopicPartition

        try:
            found = self.consumer.list_topics(self.topic, timeout=self.patience).topics[self.topic]
            if found.error is not None:
                raise self._no_topic(found.error.name())
            return {
                partition: self.consumer.get_watermark_offsets(
                    TopicPartition(self.topic, partition), timeout=self.patience, cached=False
                )
                for partition in sorted(found.partitions)
            }
        except KafkaException as error:
            raise self._silent(error) from None

    def _silent(self, error: Exception) -> DataError:
        names = {*self.heard, error.args[0].name()}
        return DataError(
            self.dataset,
            found=f"no Kafka answering at {self.address} within {self.patience:.0f} s ({', '.join(sorted(names))})",
            allowed="reachable brokers, and credentials that may read the topic",
            next_command="opetence sandbox up   (or check the addresses, the credentials and the brokers' log)",
        )

    def _no_topic(self, name: str) -> DataError:
        return DataError(
            self.dataset,
            found=f"no topic {self.topic} at {self.address} ({name})",
            allowed="a topic that exists and may be read",
            next_command=f"kafka-topics --describe --topic {self.topic}, then edit the declaration",
        )


def spans(offsets: Offsets, request: Extract) -> dict[int, Span]:
    """What to read of each partition; one that was added since the last load is read from its beginning.

    Raises:
        DataError: offsets that were not read yet are gone, or the topic is not the one that was read.
    """
    marks = offsets.watermarks()
    if not isinstance(request.after, Mapping):
        return {p: Span(low, high, high) for p, (low, high) in marks.items()}
    left = {int(name): offset for name, offset in request.after.items() if name != AGAIN}
    again: Mapping[str, int] = request.after.get(AGAIN, {})
    _refuse_lost(offsets, left, marks)
    return {p: Span(left.get(p, low), high, again.get(str(p), 0)) for p, (low, high) in marks.items()}


def position(following: Mapping[int, int], read: Mapping[int, Span]) -> dict[str, Any]:
    """The cursor after a read: the next offset by partition."""
    cursor: dict[str, Any] = {str(partition): offset for partition, offset in sorted(following.items())}
    again = {str(p): span.again for p, span in sorted(read.items()) if following[p] < span.again}
    return {**cursor, AGAIN: again} if again else cursor


def _refuse_lost(offsets: Offsets, left: Mapping[int, int], marks: Mapping[int, tuple[int, int]]) -> None:
    eaten = [f"{p}: {n:,} to {marks[p][0] - 1:,}" for p, n in sorted(left.items()) if p in marks and n < marks[p][0]]
    if eaten:
        raise DataError(
            offsets.dataset,
            found=f"offsets of topic {offsets.topic} that retention removed before they were read ({'; '.join(eaten)})",
            allowed="a load before retention",
            next_command="restore them at the source, or accept the loss and read what is left:"
            f" opetence run --select {offsets.dataset} --reload",
        )
    beyond = [
        f"{p}: {n:,}, it ends at {marks[p][1]:,}" if p in marks else f"{p} is gone"
        for p, n in sorted(left.items())
        if p not in marks or n > marks[p][1]
    ]
    if beyond:
        raise DataError(
            offsets.dataset,
            found=f"partitions of topic {offsets.topic} that end before what was read of them ({'; '.join(beyond)})",
            allowed="the topic that was read so far",
            next_command="check whether it was deleted and made anew; if so:"
            f" opetence run --select {offsets.dataset} --reload",
        )
