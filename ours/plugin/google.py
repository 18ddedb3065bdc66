"""Google's service accounts: a signed claim in exchange for an access token (RFC 7523)."""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from marshmallow import ValidationError
from requests import Request

from ours.plugin.envelope import to_json
from ours.plugin.types import SecretValue

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
