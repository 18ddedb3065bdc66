"""Snapchat's Conversions API: a token in the address, a status in the answer, all or nothing, and a check beside it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/v3/([^/]+)/events(/validate)?")
_HASH = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"https?://\S+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_HASHED = {"em", "ph", "fn", "ln", "ge", "ct", "st", "zp", "country"}
_WINDOW = 37 * 86_400
_MOST = 2000
_PIXEL = "67d34640-b7a4-4c54-a5a0-2b3c4d5e6f70"


class SnapchatDouble(Double):
    """``kept`` are the events that count, repeats among them: it compares none that come by the API. ``test_kept`` are
    those that came to its check.

    ``refusing`` is the status of a request that it refuses: 400, or 200. ``unwanted`` is an event_id that it refuses
    for a rule that nobody knows of. ``now`` (seconds) is the moment from which its window of 37 days is counted.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        token: str = "a-token",  # noqa: S107 - a test's
        refusing: int = 400,
        unwanted: str | None = None,
        now: float = 0.0,
    ) -> None:
        super().__init__(port)
        self.test_kept: list[Any] = []
        self._token, self._refusing, self._unwanted, self._now = token, refusing, unwanted, now

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "pixel_id": _PIXEL, "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        found = _PATH.fullmatch(call.path)
        if not found:
            return Answer(404, b"<html>Not Found</html>")
        if call.query.get("access_token") != self._token:
            return _refused(401, "UNAUTHORIZED", "The access token is invalid.")
        if found[1] != _PIXEL:
            return _refused(403, "FORBIDDEN", "The access token has no permission for this asset.")
        events = call.json.get("data") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _refused(self._refusing, "INVALID_BATCH", "data must have 1 to 2000 events.")
        for number, event in enumerate(events):
            if fault := next(self._faults(event), None):
                return _refused(self._refusing, "INVALID_EVENT", fault, event=number)
        if found[2]:
            self.test_kept.extend(events)
            logs = [{"event": number, "status": "VALID", "warnings": []} for number in range(len(events))]
            return Answer(200, {"status": "VALID", "test_event": True, "event_logs": logs})
        self.kept.extend(events)
        return Answer(200, {"status": "VALID", "reason": "Events have been processed successfully."})

    def _faults(self, event: Mapping[str, Any]) -> Iterator[str]:
        moment = event.get("event_time")
        if not isinstance(event.get("event_name"), str) or not isinstance(event.get("event_id", ""), str):
            yield "event_name or event_id is no text"
        if event.get("action_source") not in ("WEB", "OFFLINE", "MOBILE_APP"):
            yield "action_source is not known"
        if event.get("action_source") == "WEB" and not _ADDRESS.fullmatch(event.get("event_source_url", "")):
            yield "event_source_url is required"
        if not isinstance(moment, int) or (self._now and not self._now - _WINDOW <= moment <= self._now):
            yield "event_time is no moment of the last 37 days in seconds"
        if event.get("event_id") == self._unwanted:
            yield "The event was refused."
        yield from _unlike_a_person(event.get("user_data") or {})
        yield from _unlike_a_sale(event.get("custom_data") or {}, bought=event.get("event_name") == "PURCHASE")


def _unlike_a_person(person: Mapping[str, Any]) -> Iterator[str]:
    for name in _HASHED & person.keys():
        if not all(_HASH.fullmatch(str(one)) for one in person[name]):
            yield f"user_data.{name} is not hashed"
    if not (person.keys() & {"em", "ph"} or {"client_ip_address", "client_user_agent"} <= person.keys()):
        yield "user_data has no identifier"


def _unlike_a_sale(bag: Mapping[str, Any], *, bought: bool) -> Iterator[str]:
    if bought and not {"value", "currency"} <= bag.keys():
        yield "A PURCHASE needs currency and value"
    if not isinstance(bag.get("value", 0), int | float) or not _CURRENCY.fullmatch(bag.get("currency", "EUR")):
        yield "value is no number, or currency is not three letters"
    if not isinstance(bag.get("order_id", ""), str):
        yield "order_id is no text"
    if not all(isinstance(one, str) for line in bag.get("contents", ()) for one in line.values()):
        yield "contents has what is no text"


def _refused(status: int, code: str, message: str, **more: Any) -> Answer:
    return Answer(status, {"status": "INVALID", **more, "errors": {"codes": [code], "error_msgs": [message]}})
