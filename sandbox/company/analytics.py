"""Google's token endpoint for service accounts and the Google Analytics Data API's runReport, over REST."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
from starlette.responses import Response
from starlette.routing import Route

from sandbox.company.report import ReportRefused, report
from sandbox.company.serving import Serving

if TYPE_CHECKING:
    from starlette.requests import Request

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
AUDIENCE = "https://oauth2.googleapis.com/token"  # what google-auth signs for, wherever the endpoint is
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS = 3600  # seconds that a token holds
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


def routes(serving: Serving) -> list[Route]:
    issued: set[str] = set()

    async def token(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        problem = _problem(form, serving, str(request.url))
        if problem:
            error = {"error": "invalid_grant", "error_description": problem}
            return Response(orjson.dumps(error), 400, media_type="application/json")
        issued.add(fresh := "ya29." + secrets.token_urlsafe(32))
        content = {"access_token": fresh, "expires_in": LASTS, "token_type": "Bearer"}
        return Response(orjson.dumps(content), media_type="application/json")

    async def run_report(request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in issued:
            return failure(401, "Request had invalid authentication credentials.")
        if request.path_params["property"] != serving.secrets["GA_PROPERTY"]:
            return failure(403, "User does not have sufficient permissions for this property.")
        try:
            asked: dict[str, Any] = orjson.loads(await request.body() or b"{}")
            content = report(serving, asked)
        except (ReportRefused, orjson.JSONDecodeError) as error:
            return failure(400, str(error))
        return serving.page(request, content, continues=int(asked.get("offset", 0)) > 0)

    return [
        Route("/token", token, methods=["POST"]),
        Route("/v1beta/properties/{property}:runReport", run_report, methods=["POST"]),
    ]


def failure(status: int, message: str) -> Response:
    error = {"code": status, "message": message, "status": STATUSES[status]}
    return Response(orjson.dumps({"error": error}), status, media_type="application/json")


def too_many() -> Response:
    return failure(429, "Exhausted concurrent requests quota. Please try again later.")


def _problem(form: dict[str, str], serving: Serving, endpoint: str) -> str | None:
    """What is wrong with a request for a token, or None: its assertion must be signed by the service account's key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if form.get("grant_type") != GRANT or form.get("assertion", "").count(".") != 2:
        return "Bad Request"
    account = json.loads(serving.secrets["GA_CREDENTIALS"])
    key = load_pem_private_key(account["private_key"].encode(), None)
    signed, _, signature = form["assertion"].rpartition(".")
    try:
        assert isinstance(key, RSAPrivateKey)
        key.public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        claims = json.loads(_decoded(signed.partition(".")[2]))
    except (InvalidSignature, ValueError):
        return "Invalid JWT Signature."
    if claims.get("iss") != account["client_email"]:
        return "Invalid grant: account not found"
    if SCOPE not in claims.get("scope", "").split() or claims.get("aud") not in (endpoint, AUDIENCE):
        return "Invalid scope or audience"
    if not claims.get("iat", 0) - 300 <= time.time() <= claims.get("exp", 0):
        return "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe."
    return None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
