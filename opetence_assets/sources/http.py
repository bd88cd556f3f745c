"""One HTTP session for every API: bounded patience, Retry-After obeyed, and what went wrong said without secrets."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from opetence_assets.dataset import DataError
from opetence_assets.sources.records import value_at

if TYPE_CHECKING:
    from opetence_assets.settings import Settings

ATTEMPTS = 5  # at 0.25, 0.5, 1 and 2 s between them; longer where Retry-After asks for it
LONGEST_WAIT = 120  # seconds; an API that asks for more is left for the next run
TIMEOUT = (10, 120)  # seconds to connect, and between two bytes


class Api(Protocol):
    """The variable with an API's address, and how it authenticates: dlt's words, ``{NAME}`` for a variable's value."""

    @property
    def system(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def auth(self) -> Mapping[str, str]: ...


@contextmanager
def connected(api: Api, settings: Settings, dataset: str) -> Generator[Any]:
    """dlt's REST client for an API, with its secrets looked up; its connections are closed with the block."""
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client.client import RESTClient
    from dlt.sources.rest_api.config_setup import create_auth

    def looked_up(value: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda name: settings.secret(name[1], dataset=dataset), value)

    secrets = {name: looked_up(value) for name, value in api.auth.items()}
    session = Client(
        request_timeout=TIMEOUT,
        raise_for_status=False,  # the client does, once patience is at its end
        request_max_attempts=ATTEMPTS,
        request_backoff_factor=0.25,
        request_max_retry_delay=LONGEST_WAIT,
    ).session
    url = settings.secret(api.url, dataset=dataset)
    with session:
        yield RESTClient(url, auth=create_auth(secrets) if secrets else None, session=session)  # pyright: ignore[reportArgumentType]


@contextmanager
def answered(dataset: str, variable: str) -> Generator[None]:
    """What can go wrong on the way to an API, as a DataError that quotes neither address nor answer."""
    from requests import HTTPError, RequestException

    try:
        yield
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise _refusal(dataset, variable, status) from None
    except RequestException as error:
        raise DataError(
            dataset,
            found=f"no answer from the API at {variable} ({type(error).__name__})",
            allowed="a read that reaches its last page; nothing of this one was kept",
            next_command=f"opetence run --select {dataset}   (or check the address and the network)",
        ) from None


def whole_or_error(response: Any, *_: Any, **__: Any) -> None:
    """A response hook: the body is read before an error is raised, or its connection would be left open."""
    assert response.content is not None
    response.raise_for_status()


def json_of(response: Any, dataset: str, records: str) -> Mapping[str, Any]:
    """An answer that holds a list at ``records``.

    Raises:
        DataError: it is no JSON, or the list is missing: an empty answer is not an empty list.
    """
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping) or not isinstance(value_at(answer, records.split(".")), list):
        raise DataError(
            dataset,
            found=f"an answer without a list at {records!r} ({len(response.content):,} bytes)",
            allowed="JSON with the declared list, even if it is empty",
            next_command=f"opetence run --select {dataset}; if it stays, compare API version and declaration",
        )
    return answer


def _refusal(dataset: str, variable: str, status: int) -> DataError:
    said = {
        401: "refused credentials",
        403: "refused credentials",
        404: "no such resource",
        429: "a rate limit that lasts",
    }
    return DataError(
        dataset,
        found=f"{said.get(status, 'an error')} (HTTP {status}) at {variable}",
        allowed="a read that reaches its last page; nothing of this one was kept",
        next_command=f"check the credentials beside {variable}, then opetence run --select {dataset}",
    )
