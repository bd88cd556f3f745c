"""``opetence webhooks``: the receiver of Stripe's events, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from opetence_assets.command.ui import HOST

if TYPE_CHECKING:
    import uvicorn

    from opetence_assets.settings import Settings

PORT = 3001
SECRET = "STRIPE_WEBHOOK_SECRET"
GRACE = 10  # seconds for requests under way
MOST_AT_ONCE = 1_000  # requests; one too many is answered 503 and sent again


def webhooks(
    port: Annotated[int, typer.Option(help="port to listen on; 0 takes a free one")] = PORT,
    host: Annotated[str, typer.Option(help="address to listen on; TLS belongs to the proxy before it")] = HOST,
) -> None:
    """Receives Stripe's events at /stripe, stores each durably and encrypted, then acknowledges it."""
    from opetence_assets.settings import read_settings

    server = server_of(read_settings(), host, port)
    typer.echo(f"Webhooks on http://{host}:{port}/stripe   (Ctrl-C stops it)")
    server.run()


def server_of(settings: Settings, host: str, port: int) -> uvicorn.Server:
    """The receiver for every declared feed of Stripe's, ready to run.

    Raises:
        SettingsError: no signing secret.
    """
    import uvicorn

    from opetence_assets.webhooks.receiver import receiver
    from opetence_assets.webhooks.shelving import Shelf

    names, wanted = routes()
    given = settings.secret(SECRET, dataset=", ".join(names) or "webhooks")
    secrets = [secret.strip() for secret in given.split(",") if secret.strip()]
    from opetence_assets.sources.stripe_inbox import inbox_of

    app = receiver(Shelf({name: inbox_of(settings, name) for name in names}), secrets, wanted)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def routes() -> tuple[list[str], Callable[[str], tuple[str, ...]]]:
    """The datasets that events are for, and which of them an event of a type is for."""
    from opetence_assets.datasets import all_datasets
    from opetence_assets.sources.stripe import StripeObjects

    # An inbox that no event is for stays empty.
    feeds = [(d.name, d.feed) for d in all_datasets() if isinstance(d.feed, StripeObjects)]
    return [name for name, _ in feeds], lambda kind: tuple(name for name, feed in feeds if feed.takes(kind))
