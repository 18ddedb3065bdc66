"""Google Analytics' Measurement Protocol: 2xx to everything, and a validation server that keeps nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_RESERVED = {"session_start", "first_visit", "user_engagement", "app_remove", "ad_click"}


class GA4Double(Double):
    """``kept`` is what reports would show: of what is wrong, nothing."""

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "measurement_id": "G-AB12CD34EF", "api_secret": "a-secret"}

    def answer(self, call: Call) -> Answer:
        messages = list(_messages(call.json))
        if call.path == "/debug/mp/collect":
            return Answer(200, {"validationMessages": messages})
        if call.path != "/mp/collect" or call.method != "POST":
            return Answer(404, b"<html>Not Found</html>")
        if not messages and call.query.get("api_secret") and call.query.get("measurement_id"):
            self.kept += call.json["events"]
        return Answer(204)


def _messages(body: Any) -> Iterator[Mapping[str, str]]:
    if not isinstance(body, dict):
        yield _message("", "VALUE_INVALID", "Unable to parse the payload.")
        return
    if not body.get("client_id") and not body.get("app_instance_id"):
        yield _message("client_id", "VALUE_REQUIRED", "Measurement requires a client_id.")
    events = body.get("events") or []
    if not 1 <= len(events) <= 25:
        yield _message("events", "EXCEEDED_MAX_ENTITIES", "A request has 1 to 25 events.")
    for number, event in enumerate(events):
        yield from _event_messages(f"events[{number}]", event)


def _event_messages(where: str, event: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    name, params = str(event.get("name") or ""), event.get("params") or {}
    if not _NAME.fullmatch(name):
        yield _message(f"{where}.name", "NAME_INVALID", "Event at index has invalid name.")
    if name in _RESERVED:
        yield _message(f"{where}.name", "NAME_RESERVED", "Event at index has a reserved name.")
    if len(params) > 25:
        yield _message(f"{where}.params", "EXCEEDED_MAX_ENTITIES", "An event has at most 25 parameters.")
    for key, value in params.items():
        if not _NAME.fullmatch(key):
            yield _message(f"{where}.params.{key}", "NAME_INVALID", "A parameter has an invalid name.")
        if isinstance(value, str) and len(value) > (1000 if key == "page_location" else 100):
            yield _message(f"{where}.params.{key}", "VALUE_OUT_OF_BOUNDS", "A parameter's value is too long.")


def _message(where: str, code: str, description: str) -> Mapping[str, str]:
    return {"fieldPath": where, "description": description, "validationCode": code}
