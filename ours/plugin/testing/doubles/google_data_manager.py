"""Google's Data Manager: a token for a signed claim, then the whole request or none of it, the wrong events named."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa

from ours.plugin.testing.accounts import GoogleDouble
from ours.plugin.testing.doubles.server import Answer, Call

_PATH = re.compile(r"/v\d+/events:ingest")
_HASH = re.compile(r"[0-9a-f]{64}")
_CLICK = re.compile(r"[\w-]{1,500}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 2000
_TYPES = "type.googleapis.com/google.rpc."


class GoogleDataManagerDouble(GoogleDouble):
    """``kept`` are the events that it took, repeats dropped."""

    scopes: ClassVar = {"datamanager"}

    def __init__(self, port: int = 0, *, private: rsa.RSAPrivateKey | None = None) -> None:
        super().__init__(port, private=private)
        self._seen: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "service_account": self.key, "account_id": "1234567890",
                "conversion_action_id": "987654321"}  # fmt: skip

    def answer(self, call: Call) -> Answer:
        if call.path == "/token":
            return self.token(call)
        if not _PATH.fullmatch(call.path):
            return Answer(404, b"<html>Not Found</html>")
        if not self.let_in(call):
            return _error(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED")
        return self._ingest(call.json if isinstance(call.json, dict) else {})

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
        return Answer(200, {"requestId": f"request-{self.came}"})


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
