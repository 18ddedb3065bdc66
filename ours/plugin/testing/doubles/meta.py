"""Meta's Conversions API: all or nothing, with a code for what is wrong, and repeats dropped."""

import re
from collections.abc import Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/v\d+\.\d+/(\d+)/events")
_HASHED = ("em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country", "external_id")
_HASH = re.compile(r"[0-9a-f]{64}")
_WINDOW = 7 * 86_400
_MOST = 1000


class MetaDouble(Double):
    """``kept`` are the events that count, repeats dropped; ``test_kept`` those of a test event code.

    ``now`` (seconds) is the moment from which its window of seven days is counted.
    """

    def __init__(self, port: int = 0, *, token: str = "a-token", now: float = 0.0) -> None:  # noqa: S107 - a test's
        super().__init__(port)
        self.test_kept: list[Any] = []
        self._token, self._now = token, now
        self._seen: set[tuple[str, str | None]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "dataset_id": "123456789012345", "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        if not _PATH.fullmatch(call.path):
            return _error(400, 100, 33, "Unsupported post request.")
        if call.headers.get("Authorization") != f"Bearer {self._token}":
            return _error(401, 190, 463, "Error validating access token.")
        events = call.json.get("data") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _error(400, 100, 2804004, "The data must be a list of 1 to 1000 events.")
        for event in events:
            if refusal := self._refusal(event):
                return refusal
        self._keep(events, call.json.get("test_event_code"))
        return Answer(200, {"events_received": len(events), "messages": [], "fbtrace_id": "Atrace"})

    def _keep(self, events: list[Any], code: str | None) -> None:
        for event in events:
            key = (event["event_name"], event.get("event_id"))
            if code:
                self.test_kept.append(event)
            elif None in key or key not in self._seen:
                self._seen.add(key)
                self.kept.append(event)

    def _refusal(self, event: Mapping[str, Any]) -> Answer | None:
        person = event.get("user_data") or {}
        if not event.get("event_name") or not isinstance(event.get("event_time"), int):
            return _error(400, 100, 2804008, "An event needs event_name and event_time in seconds.")
        if self._now and event["event_time"] < self._now - _WINDOW:
            return _error(400, 100, 2804003, "The timestamp for this event is too far in the past.")
        if not person or any(not _HASH.fullmatch(str(person[name])) for name in _HASHED if name in person):
            return _error(400, 100, 2804019, "The user data is missing, or not hashed as it must be.")
        if event.get("action_source") == "website" and not (
            person.get("client_user_agent") and event.get("event_source_url")
        ):
            return _error(400, 100, 2804017, "A website event needs client_user_agent and event_source_url.")
        custom = event.get("custom_data") or {}
        if event["event_name"] == "Purchase" and not ("value" in custom and "currency" in custom):
            return _error(400, 100, 2804011, "A Purchase needs value and currency.")
        return None


def _error(status: int, code: int, sub: int, message: str) -> Answer:
    error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": sub, "is_transient": False}
    return Answer(status, {"error": error | {"fbtrace_id": "Atrace"}})
