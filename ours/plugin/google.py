"""Google's service accounts: a signed claim in exchange for an access token (RFC 7523)."""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from marshmallow import ValidationError
from requests import Request, Response

from ours.plugin.envelope import to_json
from ours.plugin.identifiers import plain
from ours.plugin.reading import by_status, read_json
from ours.plugin.types import Delivered, Outcome, Retry, SecretValue, Token, Unauthorized
from ours.plugin.values import number

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PARTS = ("client_email", "private_key", "token_uri")
_HOUR = 3600


def is_service_account(text: str) -> None:
    """For ``validate=`` of a setting.

    :raises ValidationError: when it is not the JSON of a service account's key.
    """
    try:
        _private_key(_read(text)["private_key"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValidationError("Must be the JSON of a service account's key, with its private_key.") from None


def service_account_request(key: SecretValue, scope: str, now: int) -> Request:
    """What ``token_request`` may return. The same key and moment (milliseconds) give the same request."""
    parts = _read(key.reveal())
    issued = now // 1000
    claim = {
        "iss": parts["client_email"],
        "scope": scope,
        "aud": parts["token_uri"],
        "iat": issued,
        "exp": issued + _HOUR,
    }
    return Request("POST", parts["token_uri"], data={"grant_type": _GRANT, "assertion": _signed(claim, parts)})


def read_access_token(response: Response) -> Token | Outcome:
    """What ``read_token`` may return for an answer of OAuth 2.0."""
    answer = read_json(response)
    known = answer if isinstance(answer, dict) else {}
    if response.status_code == 200 and isinstance(known.get("access_token"), str):
        return Token(SecretValue(known["access_token"]), float(number(known.get("expires_in")) or _HOUR))
    if response.status_code in (400, 401, 403):
        word = plain(known.get("error")) or f"http_{response.status_code}"
        return Unauthorized(word, "No access token was given: look at the key.")
    outcome = by_status(response)
    return Retry("no_token", "The answer has no access token in it.") if isinstance(outcome, Delivered) else outcome


def _read(text: str) -> dict[str, str]:
    key = json.loads(text)
    return {name: str(key[name]) for name in _PARTS}


def _signed(claim: Mapping[str, object], parts: Mapping[str, str]) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    said = b".".join(_encoded(to_json(one)) for one in ({"alg": "RS256", "typ": "JWT"}, claim))
    signature = _private_key(parts["private_key"]).sign(said, PKCS1v15(), SHA256())
    return b".".join((said, _encoded(signature))).decode()


@lru_cache(maxsize=32)
def _private_key(pem: str) -> "RSAPrivateKey":
    """:raises ValueError: when it is no key. :raises TypeError: when it is none of RSA."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("a service account's key is RSA")
    return key


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
