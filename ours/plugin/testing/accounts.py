"""Google's side of a service account, for the doubles of what it lets in to: a token for a claim that was signed."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ours.plugin.testing.doubles.server import Answer, Call, Double

_AUTH = "https://www.googleapis.com/auth/"


class GoogleDouble(Double):
    """``tokens`` is how many it gave. ``revoked``: the last one is good no more."""

    scopes: ClassVar[set[str]]
    """A claim must ask for one of these, by the end of its address."""

    def __init__(self, port: int = 0, *, private: rsa.RSAPrivateKey | None = None) -> None:
        super().__init__(port)
        self.tokens = 0
        self.revoked = False
        self._private = private or _private_key()

    @property
    def key(self) -> str:
        """A service account's, whose token address is this server."""
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        parts = {"type": "service_account", "client_email": "ours@example.iam.gserviceaccount.com"}
        return json.dumps(parts | {"private_key": pem, "token_uri": f"{self.url}/token"})

    def let_in(self, call: Call) -> bool:
        return not self.revoked and call.headers.get("Authorization") == f"Bearer token-{self.tokens}"

    def token(self, call: Call) -> Answer:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        claim = self._claim(form.get("assertion", ""))
        asked = self.scopes & {one.removeprefix(_AUTH) for one in str(claim.get("scope")).split()}
        if claim.get("aud") != f"{self.url}/token" or not asked:
            return Answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT."})
        self.tokens += 1
        self.revoked = False
        return Answer(200, {"access_token": f"token-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"})

    def _claim(self, assertion: str) -> Mapping[str, Any]:
        """What a JSON Web Token says; nothing when it was not signed with the key."""
        said, _, signature = assertion.rpartition(".")
        try:
            self._private.public_key().verify(_decoded(signature), said.encode(), PKCS1v15(), SHA256())
            claim: Mapping[str, Any] = json.loads(_decoded(said.partition(".")[2]))
        except (InvalidSignature, ValueError):
            return {}
        return claim


@cache
def _private_key() -> rsa.RSAPrivateKey:
    """One for all doubles of a process: making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
