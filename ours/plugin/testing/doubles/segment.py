"""Segment's batch: 400 for sizes and for what is no JSON, and 200 to all else, be it kept or not."""

import base64
from collections.abc import Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_LARGEST, _LARGEST_EVENT, _MOST = 500_000, 32_768, 2500
_PEOPLE = ("userId", "anonymousId")


class SegmentDouble(Double):
    """``kept`` are the tracked events of its source, repeats dropped; ``people`` the traits of each."""

    def __init__(self, port: int = 0, *, key: str = "a-write-key") -> None:
        super().__init__(port)
        self.people: dict[str, dict[str, Any]] = {}
        self._key = key
        self._seen: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "write_key": self._key}

    def answer(self, call: Call) -> Answer:
        if (call.method, call.path) != ("POST", "/v1/batch"):
            return Answer(404, b"404 page not found")
        events = call.json.get("batch") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or len(events) > _MOST or len(call.body) > _LARGEST:
            return Answer(400, {"success": False})
        if any(len(str(event).encode()) > _LARGEST_EVENT for event in events):
            return Answer(400, {"success": False})
        if call.headers.get("Authorization") == basic(self._key):
            for event in filter(is_good, events):
                self._keep(event)
        return Answer(200, {"success": True})

    def _keep(self, event: Mapping[str, Any]) -> None:
        if event["messageId"] not in self._seen:
            self._seen.add(event["messageId"])
            if event["type"] == "identify":
                self.people.setdefault(who(event), {}).update(event["traits"])
            else:
                self.kept.append(event)


def is_good(event: Mapping[str, Any]) -> bool:
    """What makes an event one: all else is dropped later, and nobody told."""
    called = len(str(event.get("messageId") or "")) in range(1, 100) and bool(event.get("timestamp"))
    told = bool(event.get("event")) if event.get("type") == "track" else event.get("type") == "identify"
    return called and told and bool(who(event))


def who(event: Mapping[str, Any]) -> str:
    return next((str(event[name]) for name in _PEOPLE if event.get(name)), "")


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"
