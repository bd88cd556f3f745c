"""The lines of ``local.env`` that lead to the company's systems: secrets made once and kept, addresses as they are."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote, urlsplit

MONGO_USER = "opetence"
KEPT: dict[str, Callable[[], str]] = {
    "STRIPE_API_KEY": lambda: "rk_test_" + secrets.token_hex(24),
    "STRIPE_WEBHOOK_SECRET": lambda: "whsec_" + secrets.token_hex(16),
    "ZENDESK_EMAIL": lambda: "platform@opetence.example",
    "ZENDESK_TOKEN": lambda: secrets.token_urlsafe(30),
    "GA_PROPERTY": lambda: str(300_000_000 + secrets.randbelow(99_999_999)),
}
NAMES = (*KEPT, "CATALOG_MONGO_URI", "STRIPE_API_BASE", "ZENDESK_URL", "GA_ENDPOINT", "GA_CREDENTIALS")
NAMES = (*NAMES, "MARKETING_BUDGET_URL")


def credentials(found: Mapping[str, str], http: int, mongo: int) -> dict[str, str]:
    """All lines but the Kafka cluster's.

    Args:
        found: what ``local.env`` holds; secrets in it are kept.
        http: the port of the systems that speak HTTP.
        mongo: the port of the MongoDB.
    """
    base = f"http://127.0.0.1:{http}"
    password = unquote(urlsplit(found.get("CATALOG_MONGO_URI", "")).password or "") or secrets.token_urlsafe(24)
    user = f"{MONGO_USER}:{quote(password, safe='')}"
    return {
        **{name: found.get(name) or make() for name, make in KEPT.items()},
        "CATALOG_MONGO_URI": f"mongodb://{user}@127.0.0.1:{mongo}/catalog?authSource=admin&directConnection=true",
        "STRIPE_API_BASE": base,
        "ZENDESK_URL": base,
        "GA_ENDPOINT": base,
        "GA_CREDENTIALS": _service_account(found.get("GA_CREDENTIALS", ""), base),
        "MARKETING_BUDGET_URL": f"{base}/spreadsheets/d/{_sheet(found)}/export?format=csv&gid=0",
    }


def _sheet(found: Mapping[str, str]) -> str:
    parts = urlsplit(found.get("MARKETING_BUDGET_URL", "")).path.split("/")
    return parts[3] if len(parts) > 3 else "1" + secrets.token_urlsafe(32)


def _service_account(held: str, base: str) -> str:
    """A service account's JSON on one line; its key is made once."""
    account = json.loads(held) if held else _new_account()
    return json.dumps({**account, "token_uri": f"{base}/token"})


def _new_account() -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": "opetence-sandbox",
        "private_key_id": secrets.token_hex(20),
        "private_key": pem,
        "client_email": "platform@opetence-sandbox.iam.gserviceaccount.example",
        "client_id": str(secrets.randbelow(10**20)),
    }
