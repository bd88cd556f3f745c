"""The application served by a thread of this process, for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp


def configured(app: ASGIApp) -> uvicorn.Config:
    """How the application is served: its own Date header, nothing logged but what is wrong."""
    import uvicorn

    return uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


@contextmanager
def served(app: ASGIApp) -> Generator[str]:
    """The address (``http://127.0.0.1:<port>``) of the application, until the end of the block."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(configured(app))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
