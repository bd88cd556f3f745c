"""Requests to Stripe by its own client: connection errors and 5xx are retried by it, rate limits here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opetence_assets.dataset import DataError

if TYPE_CHECKING:
    from opetence_assets.settings import Settings
    from opetence_assets.sources.stripe import Stripe

PAGE = 100  # the most that Stripe gives
RETRIES = 3
PATIENCE = 60  # seconds of waiting for a rate limit to pass


def client_of(source: Stripe, settings: Settings, dataset: str) -> Any:
    """The client of an account; opens no connection."""
    import stripe

    key, base = settings.secret(source.key, dataset=dataset), settings.secret(source.base, dataset=dataset)
    return stripe.StripeClient(key, base_addresses={"api": base}, max_network_retries=RETRIES)


def answered(
    client: Any, dataset: str, path: str, params: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """One answer, as plain dictionaries, and its headers.

    Raises:
        DataError: refused, unreachable, or too many requests for longer than the patience.
    """
    import stripe

    try:
        response = _patiently(client, path, params)
    except stripe.StripeError as error:
        raise _no_answer(
            dataset, type(error).__name__, error.http_status
        ) from None  # its message quotes the key's ends
    return response.data, response.headers


def retrieved(client: Any, dataset: str, path: str) -> dict[str, Any] | None:
    """One object as it is now; None if it was deleted.

    Raises:
        DataError: as `answered`.
    """
    import stripe

    try:
        found = _patiently(client, path, {}).data
    except stripe.InvalidRequestError as error:
        if error.http_status != 404:
            raise _no_answer(dataset, type(error).__name__, error.http_status) from None
        return None
    except stripe.StripeError as error:
        raise _no_answer(dataset, type(error).__name__, error.http_status) from None
    return None if found.get("deleted") else found


def _patiently(client: Any, path: str, params: Mapping[str, Any]) -> Any:
    import stripe
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

    patience = Retrying(
        retry=retry_if_exception_type(stripe.RateLimitError),
        stop=stop_after_delay(PATIENCE),
        wait=wait_exponential_jitter(multiplier=0.25, max=8, jitter=0.25),
        reraise=True,
    )
    return patience(client.raw_request, "get", path, **params)


def _no_answer(dataset: str, kind: str, status: int | None) -> DataError:
    return DataError(
        dataset,
        found=f"no answer from Stripe ({kind}, HTTP {status or 'none'})",
        allowed="a read that reaches its last page; nothing of this one was kept",
        next_command=f"check the key and its rights, then opetence run --select {dataset}",
    )
