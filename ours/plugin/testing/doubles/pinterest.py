"""Pinterest's Conversions API: a schema that refuses the whole request, then a verdict for each event."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/v\d+/ad_accounts/(\d+)/events")
_HASH = re.compile(r"[0-9a-f]{64}")
_LISTS = {"em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id", "hashed_maids"}
_PERSON = {*_LISTS, "client_ip_address", "client_user_agent", "click_id", "partner_id"}
_NEEDED = {"event_name", "action_source", "event_time", "user_data", "event_id"}
_EVENT = {*_NEEDED, "event_source_url", "opt_out", "custom_data", "partner_name", "app_id", "app_name", "app_version",
          "language", "wifi"}  # fmt: skip
_TEXTS = {"currency", "value", "predicted_ltv", "order_id", "search_string", "opt_out_type", "content_name",
          "content_category", "content_brand"}  # fmt: skip
_CUSTOM = {*_TEXTS, "num_items", "content_ids", "contents"}
_LINE = {"id", "item_name", "item_category", "item_brand", "item_price", "quantity"}
_NAMES = {
    "add_payment_info", "add_to_cart", "add_to_wishlist", "app_install", "app_open", "checkout", "contact", "custom",
    "customize_product", "find_location", "initiate_checkout", "lead", "page_visit", "schedule", "search", "signup",
    "start_trial", "submit_application", "subscribe", "view_category", "view_content", "watch_video",
}  # fmt: skip
_MOST = 1000


class PinterestDouble(Double):
    """``kept`` are the events that count, repeats among them: it compares none that come by the API. ``test_kept`` are
    those of ``?test=true``.

    ``partly`` is the status when only some could be processed: 422, with the verdicts in its details, or 200.
    ``unwanted`` is an event_id that it refuses for a rule that nobody knows of.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        token: str = "a-token",  # noqa: S107 - a test's
        partly: int = 422,
        unwanted: str | None = None,
    ) -> None:
        super().__init__(port)
        self.test_kept: list[Any] = []
        self._token, self._partly, self._unwanted = token, partly, unwanted

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "ad_account_id": "549755885175", "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        found = _PATH.fullmatch(call.path)
        if not found:
            return _error(404, 0, "Not found.")
        if call.headers.get("Authorization") != f"Bearer {self._token}":
            return _error(401, 2, "Authentication failed.")
        if found[1] != self.settings["ad_account_id"]:
            return _error(403, 29, "You are not permitted to access that resource.")
        events = call.json.get("data") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return _error(400, 1, "Invalid request: data is too long or too short")
        if wrong := next((told for event in events for told in _unlike_the_schema(event)), None):
            return _error(400, 1, f"Invalid request: {wrong}")
        if any(event["event_id"] == self._unwanted for event in events):
            return _error(400, 4196, "The request was invalid.")
        return self._verdicts(events, self.test_kept if call.query.get("test") == "true" else self.kept)

    def _verdicts(self, events: list[Any], kept: list[Any]) -> Answer:
        failures = [next(_failures(event), None) for event in events]
        kept.extend(event for event, failure in zip(events, failures, strict=True) if failure is None)
        told = [
            {"status": "failed" if failure else "processed", "error_message": failure, "warning_message": None}
            for failure in failures
        ]
        fine = failures.count(None)
        body = {"num_events_received": len(events), "num_events_processed": fine, "events": told}
        if fine == len(events) or self._partly == 200:
            return Answer(200, body)
        return Answer(422, {"code": 4201, "message": "Not all events were successfully processed.", "details": body})


def _unlike_the_schema(event: Mapping[str, Any]) -> Iterator[str]:
    person, bag = event.get("user_data") or {}, event.get("custom_data") or {}
    lines = bag.get("contents") or []
    yield from (f"'{name}' is a required property" for name in _NEEDED - event.keys())
    strange = (event.keys() - _EVENT) | (person.keys() - _PERSON) | (bag.keys() - _CUSTOM)
    for name in strange.union(*(line.keys() - _LINE for line in lines)):
        yield f"Additional properties are not allowed ('{name}' was unexpected)"
    if not isinstance(event.get("event_time"), int) or not isinstance(event.get("event_id"), str):
        yield "event_time is not of type 'integer', or event_id is not of type 'string'"
    texts = [bag[name] for name in _TEXTS & bag.keys()] + [line.get("item_price", "") for line in lines]
    yield from (f"{value} is not of type 'string'" for value in texts if not isinstance(value, str))
    yield from (
        f"{name} is not of type 'array'" for name in _LISTS & person.keys() if not isinstance(person[name], list)
    )
    if not ({"em", "hashed_maids"} & person.keys() or {"client_ip_address", "client_user_agent"} <= person.keys()):
        yield "user_data is not valid under any of the given schemas"


def _failures(event: Mapping[str, Any]) -> Iterator[str]:
    if event["event_name"] not in _NAMES:
        yield f"Invalid event_name {event['event_name']}"
    if event["action_source"] not in {"web", "offline", "app_android", "app_ios"}:
        yield "Invalid action_source"
    for name in _LISTS & event["user_data"].keys():
        if not all(_HASH.fullmatch(str(one)) for one in event["user_data"][name]):
            yield f"{name} is not hashed by SHA-256"
    try:
        float((event.get("custom_data") or {}).get("value", 0))
    except ValueError:
        yield "value is no number"


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"code": code, "message": message})
