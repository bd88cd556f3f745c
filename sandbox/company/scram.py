"""The server's side of SCRAM-SHA-256 (RFC 5802 and 7677), as MongoDB wraps it in commands."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from functools import cache
from hashlib import pbkdf2_hmac, sha256
from typing import Any

from sandbox.company.mongo_commands import Failed

MECHANISM = "SCRAM-SHA-256"
ROUNDS = 4096
SALT = b"opetence sandbox"  # one user on a loopback server: nothing to tell apart


class Conversation:
    """One connection's authentication."""

    def __init__(self, user: str, password: str) -> None:
        self.done = False
        self._user, self._password = user, password
        self._said = b""
        self._nonce = b""

    def step(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Answer saslStart or saslContinue.

        Raises:
            Failed: another mechanism, another user or a wrong password.
        """
        payload = bytes(command["payload"])
        if "saslStart" in command:
            if command.get("mechanism") != MECHANISM:
                raise Failed(334, "MechanismUnavailable", "Unsupported mechanism")
            return _answer(self._first(payload), done=False)
        return _answer(self._last(payload), done=True)

    def _first(self, payload: bytes) -> bytes:
        bare = payload.split(b",", 2)[2]
        given = _fields(bare)
        self._nonce = given[b"r"] + base64.b64encode(secrets.token_bytes(18))
        answer = b"r=%s,s=%s,i=%d" % (self._nonce, base64.b64encode(SALT), ROUNDS)
        self._said = bare + b"," + answer
        self._known = hmac.compare_digest(given[b"n"], self._user.encode())
        return answer

    def _last(self, payload: bytes) -> bytes:
        given = _fields(payload)
        salted = _salted(self._password)
        client = hmac.digest(salted, b"Client Key", "sha256")
        said = self._said + b"," + payload.rsplit(b",p=", 1)[0]
        signature = hmac.digest(sha256(client).digest(), said, "sha256")
        proof = bytes(one ^ other for one, other in zip(client, signature, strict=True))
        right = hmac.compare_digest(base64.b64encode(proof), given.get(b"p", b"")) and given.get(b"r") == self._nonce
        if not (right and self._known):
            raise Failed(18, "AuthenticationFailed", "Authentication failed.")
        self.done = True
        server = hmac.digest(salted, b"Server Key", "sha256")
        return b"v=" + base64.b64encode(hmac.digest(server, said, "sha256"))


@cache
def _salted(password: str) -> bytes:
    return pbkdf2_hmac("sha256", password.encode(), SALT, ROUNDS)


def _fields(text: bytes) -> dict[bytes, bytes]:
    return dict(field.split(b"=", 1) for field in text.split(b","))


def _answer(payload: bytes, *, done: bool) -> dict[str, Any]:
    return {"conversationId": 1, "done": done, "payload": payload, "ok": 1.0}
