"""Reddit's Conversions API: all or nothing, no field that it does not know, and repeats dropped."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/api/v3/pixels/([^/]+)/conversion_events")
_HASH = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_ROBOT = re.compile(r"(python-|curl/|java/|$)", re.IGNORECASE)
_TYPES = {"PAGE_VISIT", "VIEW_CONTENT", "SEARCH", "ADD_TO_CART", "ADD_TO_WISHLIST", "LEAD", "SIGN_UP", "PURCHASE",
          "CUSTOM"}  # fmt: skip
_EVENT = {"event_at", "action_source", "type", "event_source_url", "click_id", "metadata", "user"}
_TYPE = {"tracking_type", "custom_event_name"}
_METADATA = {"conversion_id", "currency", "value", "item_count", "products"}
_PRODUCT = {"id", "name", "category", "quantity", "item_price"}
_HASHED = {"email", "phone_number", "external_id", "idfa", "aaid"}
_USER = {*_HASHED, "ip_address", "user_agent", "uuid", "screen_dimensions", "data_processing_options"}
_WINDOW = 7 * 86_400_000
_MOST, _LONGEST_NAME = 1000, 64


class RedditDouble(Double):
    """``kept`` are the events that count, repeats dropped; ``test_kept`` those of a test id, of which it shows one a
    request. ``now`` (milliseconds) is the moment from which its window of seven days is counted.

    ``naming``: whether it says which events are wrong, and in which field.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        token: str = "a-token",  # noqa: S107 - a test's
        now: int = 0,
        naming: bool = True,
    ) -> None:
        super().__init__(port)
        self.test_kept: list[Any] = []
        self._token, self._now, self._naming = token, now, naming
        self._seen: set[tuple[str | None, ...]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "pixel_id": "a2_abc123def456", "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        found = _PATH.fullmatch(call.path)
        if not found:
            return _error(404, "Not Found")
        if _ROBOT.match(call.headers.get("User-Agent", "")):
            return _error(429, "Your user agent was automatically ratelimited.")
        if call.headers.get("Authorization") != f"Bearer {self._token}":
            return _error(401, "UNAUTHORIZED")
        if found[1] != self.settings["pixel_id"]:
            return _error(403, f"You're not authorized to post conversions to Pixel ID {found[1]}.")
        data = call.json.get("data") if isinstance(call.json, dict) else None
        events = data.get("events") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _error(400, "Bad Request")
        if unknown := next((name for event in events for name in _unknown(event)), None):
            return _error(400, f'JSON error "unknown field" on field "{unknown}"')
        faults = [(number, name) for number, event in enumerate(events) for name in self._faults(event)]
        if faults:
            return _invalid(faults if self._naming else [], len({number for number, _ in faults}))
        self._keep(events, data.get("test_id"))
        return Answer(200, {"data": {"message": f"Successfully processed {len(events)} conversion events."}})

    def _keep(self, events: list[Any], test_id: str | None) -> None:
        if test_id:
            self.test_kept.extend(events[:1])
            return
        for event in events:
            conversion = event.get("metadata", {}).get("conversion_id")
            key = (conversion, event["action_source"], *event["type"].values())
            if not conversion or key not in self._seen:
                self._seen.add(key)
                self.kept.append(event)

    def _faults(self, event: Mapping[str, Any]) -> Iterator[str]:
        """Which fields it would not take."""
        moment = event.get("event_at")
        if type(moment) is not int or (self._now and not self._now - _WINDOW <= moment <= self._now + 300_000):
            yield "event_at"
        if event.get("action_source") not in ("WEBSITE", "APP", "PHYSICAL_STORE", "OTHER"):
            yield "action_source"
        if not event.get("click_id") and not event.get("user"):
            yield "user"
        yield from _odd_in(event.get("type", {}), event.get("metadata", {}))
        yield from (f"user.{name}" for name in _odd_of(event.get("user", {})))


def _odd_in(kind: Mapping[str, Any], bag: Mapping[str, Any]) -> Iterator[str]:
    named = 0 < len(kind.get("custom_event_name", "")) <= _LONGEST_NAME
    if kind.get("tracking_type") not in _TYPES or (kind["tracking_type"] == "CUSTOM") != named:
        yield "type.tracking_type"
    if not isinstance(bag.get("value", 0), int | float) or not isinstance(bag.get("item_count", 0), int):
        yield "metadata.value"


def _odd_of(person: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in _HASHED & person.keys() if not _HASH.fullmatch(str(person[name])))
    if "uuid" in person and not _UUID.search(person["uuid"]):
        yield "UUID"


def _invalid(faults: list[tuple[int, str]], count: int) -> Answer:
    fields = [{"field": f"$.data.events[{number}].{name}", "message": f"{name} is invalid."} for number, name in faults]
    said = f"There were {count} invalid conversion events. None were processed."
    return Answer(400, {"error": {"code": 400, "message": said, **({"fields": fields} if fields else {})}})


def _unknown(event: Mapping[str, Any]) -> Iterator[str]:
    bag = event.get("metadata", {})
    yield from event.keys() - _EVENT
    yield from event.get("type", {}).keys() - _TYPE
    yield from event.get("user", {}).keys() - _USER
    yield from bag.keys() - _METADATA
    for line in bag.get("products", ()):
        yield from line.keys() - _PRODUCT


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"code": status, "message": message}})
