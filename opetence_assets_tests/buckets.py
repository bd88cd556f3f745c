"""An S3 for tests: moto's server, whose conditional puts decide a race as the real one's do."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer


def s3_server() -> ThreadedMotoServer:
    """A server on a free port of loopback, not yet started."""
    from moto.server import ThreadedMotoServer

    _one_put_at_a_time()
    return ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)


@cache
def _one_put_at_a_time() -> None:
    """moto looks whether a key is there and puts it afterwards: once two commits became version 8, one was lost."""
    from moto.s3.responses import S3Response

    put, lock = S3Response.put_object, Lock()

    def put_object(self: S3Response) -> Any:
        with lock:
            return put(self)

    S3Response.put_object = put_object  # type: ignore[method-assign]
