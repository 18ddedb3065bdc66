"""Google's Data Manager: a token for a signed claim, then the whole request or none of it, the wrong events named."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/v\d+/events:ingest")
_HASH = re.compile(r"[0-9a-f]{64}")
_CLICK = re.compile(r"[\w-]{1,500}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 2000
_TYPES = "type.googleapis.com/google.rpc."


class GoogleDataManagerDouble(Double):
    """``kept`` are the events that it took, repeats dropped; ``tokens`` how many it gave. ``revoked``: the last one is
    good no more."""

    def __init__(self, port: int = 0, *, private: rsa.RSAPrivateKey | None = None) -> None:
        super().__init__(port)
        self.tokens = 0
        self.revoked = False
        self._private = private or _private_key()
        self._seen: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "service_account": self.key, "account_id": "1234567890",
                "conversion_action_id": "987654321"}  # fmt: skip

    @property
    def key(self) -> str:
        """A service account's, whose token address is this server."""
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        parts = {"type": "service_account", "client_email": "ours@example.iam.gserviceaccount.com"}
        return json.dumps(parts | {"private_key": pem, "token_uri": f"{self.url}/token"})

    def answer(self, call: Call) -> Answer:
        if call.path == "/token":
            return self._token(call)
        if not _PATH.fullmatch(call.path):
            return Answer(404, b"<html>Not Found</html>")
        if self.revoked or call.headers.get("Authorization") != f"Bearer token-{self.tokens}":
            return _error(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED")
        return self._ingest(call.json if isinstance(call.json, dict) else {})

    def _token(self, call: Call) -> Answer:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        claim = self._claim(form.get("assertion", ""))
        if claim.get("aud") != f"{self.url}/token" or "datamanager" not in str(claim.get("scope")):
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

    def _ingest(self, body: Mapping[str, Any]) -> Answer:
        events = body.get("events") or []
        if not 1 <= len(events) <= _MOST or not body.get("destinations"):
            return _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        if any("userData" in event for event in events) and body.get("encoding") != "HEX":
            return _error(400, "INVALID_ARGUMENT", "ENCODING_REQUIRED")
        if wrong := list(_violations(events)):
            return _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", wrong)
        if not body.get("validateOnly"):
            for event in events:
                if event["transactionId"] not in self._seen:
                    self._seen.add(event["transactionId"])
                    self.kept.append(event)
        return Answer(200, {"requestId": f"request-{len(self.calls)}"})


def _violations(events: list[Any]) -> Iterator[Mapping[str, str]]:
    for index, event in enumerate(events):
        where, people = f"events[{index}]", (event.get("userData") or {}).get("userIdentifiers", [])
        if not event.get("eventTimestamp"):
            yield {"field": f"{where}.event_timestamp", "reason": "EVENT_TIME_INVALID", "description": "Invalid time."}
        if not event.get("transactionId"):
            yield {"field": f"{where}.transaction_id", "reason": "REQUIRED_FIELD_MISSING", "description": "No id."}
        if not people and not {"gclid", "gbraid", "wbraid"} & (event.get("adIdentifiers") or {}).keys():
            yield {"field": where, "reason": "NO_IDENTIFIERS_PROVIDED", "description": "No identifiers."}
        if not _CLICK.fullmatch((event.get("adIdentifiers") or {}).get("gclid", "none")):
            yield {"field": f"{where}.ad_identifiers.gclid", "reason": "INVALID_CLICK_ID", "description": "No click."}
        if "currency" in event and not _CURRENCY.fullmatch(event["currency"]):
            yield {"field": f"{where}.currency", "reason": "INVALID_CURRENCY_CODE", "description": "Invalid code."}
        for number, person in enumerate(people):
            hashes = [person.get("emailAddress"), person.get("phoneNumber")]
            hashes += [person.get("address", {}).get(name) for name in ("givenName", "familyName")]
            if any(one and not _HASH.fullmatch(one) for one in hashes):
                field = f"{where}.user_data.user_identifiers[{number}]"
                yield {"field": field, "reason": "INVALID_SHA256_FORMAT", "description": "Not a SHA-256."}


def _error(status: int, word: str, reason: str, violations: list[Mapping[str, str]] | None = None) -> Answer:
    details: list[Any] = [{"@type": f"{_TYPES}ErrorInfo", "domain": "datamanager.googleapis.com", "reason": reason}]
    if violations:
        details = [{"@type": f"{_TYPES}BadRequest", "fieldViolations": violations}]
    return Answer(status, {"error": {"code": status, "status": word, "message": "Refused.", "details": details}})


@cache
def _private_key() -> rsa.RSAPrivateKey:
    """One for all doubles of a process: making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
