"""A MongoDB as its drivers see it: the wire protocol and SCRAM-SHA-256 in front of mongomock's collections.

The driver is the real one, and so are its cursors: batches, getMore, killCursors. Each connection has a thread.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bson

from sandbox.company.mongo_commands import OPEN, Commands, Failed, hello
from sandbox.company.scram import Conversation

Document = Mapping[str, Any]
Contents = Callable[[], Mapping[str, Sequence[Document]]]

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
CHECKSUM, MORE_TO_COME = 1, 2  # flags
HEADER = struct.Struct("<iiii")
USER = "opetence"


class MongoServer:
    """A server of one database, on the loopback interface, until it is closed.

    Args:
        contents: gives the documents of each collection; asked for when the first command needs them.
        listening: a listening socket; a new one by default.
        clock: what the server takes for the time (s); 0 for the machine's.

    Attributes:
        fail_after: the how manieth next find or getMore loses its connection, None for none.
        commands: what may be asked and what is held.
    """

    def __init__(
        self,
        contents: Contents,
        *,
        database: str = "catalog",
        password: str = "secret",
        writable: bool = True,
        listening: socket.socket | None = None,
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        self.commands = Commands(contents, database, writable=writable)
        self.password = password
        self.fail_after: int | None = None
        self._clock = clock
        held = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                held.converse(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.socket.close()
        self._server.socket = listening or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.socket.getsockname()[1]
        self.uri = (
            f"mongodb://{USER}:{password}@127.0.0.1:{self.port}/{database}?authSource=admin&directConnection=true"
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> MongoServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def converse(self, connection: socket.socket) -> None:
        """Answer one connection until it ends."""
        conversation = Conversation(USER, self.password)
        try:
            while (message := _received(connection)) is not None:
                if self._dies(message.command):
                    return
                answer = self._answered(message, conversation)
                if message.wants_answer:
                    connection.sendall(message.reply(answer))
        except ConnectionError:
            return

    def _dies(self, command: Document) -> bool:
        if self.fail_after is None or next(iter(command)) not in ("find", "getMore", "aggregate"):
            return False
        self.fail_after -= 1
        if self.fail_after > 0:
            return False
        self.fail_after = None
        return True

    def _answered(self, message: _Message, conversation: Conversation) -> Document:
        name = next(iter(message.command))
        try:
            if name in ("hello", "isMaster", "ismaster"):
                return hello(message.command, self._clock())
            if name in ("saslStart", "saslContinue"):
                return conversation.step(message.command)
            if name not in OPEN and not conversation.done:
                raise Failed(13, "Unauthorized", f"Command {name} requires authentication")
            return self.commands.run(name, message.command)
        except Failed as failure:
            return {"ok": 0.0, "errmsg": str(failure), "code": failure.code, "codeName": failure.name}


class _Message:
    """A request: its command with the documents that travel beside it."""

    def __init__(self, id: int, kind: int, body: bytes) -> None:
        self.id, self.kind = id, kind
        self.wants_answer = True
        if kind == OP_QUERY:  # only a driver's very first hello
            end = body.index(b"\0", 4)
            self.command: dict[str, Any] = bson.decode(body[end + 9 :])
            return
        (flags,) = struct.unpack_from("<I", body)
        self.wants_answer = not flags & MORE_TO_COME
        self.command = {}
        beside: dict[str, list[Any]] = {}
        position, last = 4, len(body) - (4 if flags & CHECKSUM else 0)
        while position < last:
            section, position = body[position], position + 1
            (size,) = struct.unpack_from("<i", body, position)
            part = body[position : position + size]
            if section == 0:
                self.command = bson.decode(part)
            else:
                end = part.index(b"\0", 4)
                beside[part[4:end].decode()] = bson.decode_all(part[end + 1 :])
            position += size
        self.command.update(beside)

    def reply(self, answer: Document) -> bytes:
        document = bson.encode(answer)
        if self.kind == OP_QUERY:
            body, kind = struct.pack("<iqii", 8, 0, 0, 1) + document, OP_REPLY
        else:
            body, kind = struct.pack("<IB", 0, 0) + document, OP_MSG
        return HEADER.pack(HEADER.size + len(body), 0, self.id, kind) + body


def _received(connection: socket.socket) -> _Message | None:
    header = _exactly(connection, HEADER.size)
    if header is None:
        return None
    length, id, _, kind = HEADER.unpack(header)
    body = _exactly(connection, length - HEADER.size)
    if body is None or kind not in (OP_QUERY, OP_MSG):
        return None
    return _Message(id, kind, body)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        piece = connection.recv(size - len(found))
        if not piece:
            return None
        found += piece
    return bytes(found)
