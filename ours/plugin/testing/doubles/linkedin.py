"""LinkedIn's Conversions API: a token for a refresh token, then all or nothing, in the words that were observed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from ours.plugin.testing.doubles.server import Answer, Call, Double

_VERSION = re.compile(r"20\d{4}")
_OLDEST_VERSION = "202512"
_RULE = re.compile(r"urn:lla:llaPartnerConversion:(\d+)")
_KNOWN = {"conversion", "conversionHappenedAt", "conversionValue", "eventId", "user"}
_KINDS = {"SHA256_EMAIL", "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "ACXIOM_ID", "PLAINTEXT_IP_ADDRESS",
          "SHA256_IP_ADDRESS", "GOOGLE_AID"}  # fmt: skip
_WINDOW = 90 * 86_400_000
_MOST = 5000
_DIRECT = "a-direct-token"


class LinkedInDouble(Double):
    """``kept`` are the events that it took, repeats too: LinkedIn promises to drop none. ``tokens`` how many it gave;
    ``revoked``: the last one is good no more. ``a-direct-token`` always is. ``now`` (milliseconds) is the moment from
    which its window is counted."""

    def __init__(self, port: int = 0, *, now: int = 0) -> None:
        super().__init__(port)
        self.tokens = 0
        self.revoked = False
        self.now = now

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "token_endpoint": f"{self.url}/oauth/v2/accessToken", "conversion_id": "104012",
                "client_id": "an-app", "client_secret": "a-client-secret", "token": "a-refresh-token"}  # fmt: skip

    def answer(self, call: Call) -> Answer:
        if call.path == "/oauth/v2/accessToken":
            return self._token(call)
        if call.path != "/rest/conversionEvents":
            return _error(404, "RESOURCE_NOT_FOUND", "No virtual resource found.")
        if not (version := call.headers.get("LinkedIn-Version")):
            return _error(400, "VERSION_MISSING", "A version must be present.")
        if not _VERSION.fullmatch(version) or version < _OLDEST_VERSION:
            return _error(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
        good = {f"Bearer {_DIRECT}", "" if self.revoked else f"Bearer token-{self.tokens}"}
        if call.headers.get("Authorization") not in good:
            return _error(401, "INVALID_ACCESS_TOKEN", "Invalid access token", serviceErrorCode=65600)
        if call.headers.get("X-RestLi-Method") != "BATCH_CREATE":
            return _said(400, "One event at a time is not what this double is for.")
        return self._create(call.json)

    def _token(self, call: Call) -> Answer:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        wanted = {"grant_type": "refresh_token", "client_id": "an-app", "client_secret": "a-client-secret",
                  "refresh_token": "a-refresh-token"}  # fmt: skip
        if form != wanted:
            told = {"error": "invalid_grant", "error_description": "The provided authorization grant is invalid."}
            return Answer(400, told)
        self.tokens += 1
        self.revoked = False
        lasting = {"expires_in": 5_184_000, "refresh_token": form["refresh_token"]}
        return Answer(200, {"access_token": f"token-{self.tokens}", **lasting, "refresh_token_expires_in": 31_536_000})

    def _create(self, body: Any) -> Answer:
        events = body.get("elements") if isinstance(body, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _said(400, "The batch must have 1 to 5000 elements.")
        if lines := [f"Index: {index}, {line}" for index, one in enumerate(events) if (line := _lines(one))]:
            return _said(422, "".join(lines))
        if {_RULE.fullmatch(one["conversion"])[1] for one in events} - {"104012", "104013"}:  # type: ignore[index]
            return _said(403, "No ad accounts found")
        late = [index for index, one in enumerate(events) if self._is_late(one["conversionHappenedAt"])]
        if late:
            told = "Conversion time should be within 90 days and not exceed current time"
            return _said(400, f"{told}, indices {late} (0-indexed).")
        self.kept += events
        return Answer(200, {"elements": [{"status": 201} for _ in events]})

    def _is_late(self, moment: int) -> bool:
        return bool(self.now) and not self.now - _WINDOW <= moment <= self.now


def _lines(event: Any) -> str:
    return "".join(f"ERROR :: {path} :: {why}\n" for path, why in _wrong(event))


def _wrong(event: Any) -> Iterator[tuple[str, str]]:
    """Paths and reasons: it is strict with what a thing is, and blind to what it means."""
    for name in sorted(event.keys() - _KNOWN):
        yield f"/{name}", "unrecognized field found but not allowed"
    if not _RULE.fullmatch(str(event.get("conversion"))):
        yield "/conversion", "Invalid Urn format. Invalid prefix."
    if not isinstance(event.get("conversionHappenedAt"), int):
        yield "/conversionHappenedAt", "field is required but not found and has no default value"
    worth = event.get("conversionValue", {"currencyCode": "", "amount": ""})
    for name in ("currencyCode", "amount"):
        if not isinstance(worth.get(name), str):
            yield f"/conversionValue/{name}", f"{worth.get(name)} cannot be coerced to String"
    user = event.get("user") or {}
    if not isinstance(user.get("userIds"), list):
        yield "/user/userIds", "field is required but not found and has no default value"
    for number, one in enumerate(user.get("userIds") or ()):
        if one.get("idType") not in _KINDS:
            yield f"/user/userIds/{number}/idType", f'"{one.get("idType")}" is not an enum symbol'


def _said(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "status": status})


def _error(status: int, code: str, message: str, **more: Any) -> Answer:
    return Answer(status, {"status": status, "code": code, "message": message, **more})
