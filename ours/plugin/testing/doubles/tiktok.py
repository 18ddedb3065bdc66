"""TikTok's Events API: 200 to nearly everything, a code for what it means, all or nothing, and repeats dropped."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/open_api/v\d+\.\d+/event/track/")
_HASHED = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
_HASH = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 1000


class TikTokDouble(Double):
    """``kept`` are the events that count, repeats dropped; ``test_kept`` those of a test event code.

    ``naming``: whether it says which event is wrong, as it does where a field has a wrong type.
    """

    def __init__(self, port: int = 0, *, token: str = "a-token", naming: bool = True) -> None:  # noqa: S107 - a test's
        super().__init__(port)
        self.test_kept: list[Any] = []
        self._token, self._naming = token, naming
        self._seen: set[tuple[str, str]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "event_source_id": "CABCDEFGHIJKLMNOPQRS", "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        if not _PATH.fullmatch(call.path):
            return Answer(404, b"<html>Not Found</html>")
        if call.headers.get("Access-Token") != self._token:
            return _said(40105, "Access token is incorrect or has been revoked.")
        body = call.json if isinstance(call.json, dict) else {}
        pixel, events = body.get("event_source_id"), body.get("data")
        if pixel != self.settings["event_source_id"]:
            return _said(40001, f"No permission to operate pixel code: {pixel}.")
        if body.get("event_source") not in {"web", "app", "offline", "crm"}:
            return _said(40002, "event_source: Not a valid choice.")
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _said(40002, "data: Length must be between 1 and 1000.")
        if wrong := next(self._faults(events), None):
            return _said(40002, wrong)
        self._keep(events, body.get("test_event_code"))
        return _said(0, "OK")

    def _keep(self, events: list[Any], code: str | None) -> None:
        for event in events:
            key = (event["event"], event.get("event_id", ""))
            if code:
                self.test_kept.append(event)
            elif not key[1] or key not in self._seen:
                self._seen.add(key)
                self.kept.append(event)

    def _faults(self, events: list[Any]) -> Iterator[str]:
        for index, event in enumerate(events):
            for field, kind in _false(event):
                yield f"Batch.{index}.{field}: Not a valid {kind}" if self._naming else f"Invalid value for {field}."


def _false(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field by field what has not the form that TikTok takes, and which it should have."""
    if not isinstance(event.get("event"), str) or not isinstance(event.get("event_id", ""), str):
        yield "event_id" if isinstance(event.get("event"), str) else "event", "string"
    if not isinstance(event.get("event_time"), int):
        yield "event_time", "integer"
    person, bag = event.get("user") or {}, event.get("properties") or {}
    for name in _HASHED:
        if name in person and not _HASH.fullmatch(str(person[name])):
            yield f"user.{name}", "SHA-256"
    if not isinstance(bag.get("value", 0), int | float):
        yield "properties.value", "number"
    if "currency" in bag and not _CURRENCY.fullmatch(str(bag["currency"])):
        yield "properties.currency", "choice"
    if "content_type" in bag and bag["content_type"] not in ("product", "product_group"):
        yield "properties.content_type", "choice"
    for number, line in enumerate(bag.get("contents") or ()):
        if not isinstance(line.get("content_id", ""), str):
            yield f"properties.contents.{number}.content_id", "string"


def _said(code: int, message: str) -> Answer:
    return Answer(200, {"code": code, "message": message, "request_id": "20261128103000ABC", "data": {}})
