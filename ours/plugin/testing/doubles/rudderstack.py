"""RudderStack's gateway: all or nothing, in plain words, and repeats kept."""

from collections.abc import Mapping
from typing import Any

from ours.plugin.testing.doubles.segment import basic, who
from ours.plugin.testing.doubles.server import Answer, Call, Double

_LARGEST = 4_000 * 1024


class RudderStackDouble(Double):
    """``kept`` are the tracked events, repeats too; ``people`` the traits of each. ``disabled``: its source is off."""

    def __init__(self, port: int = 0, *, key: str = "a-write-key") -> None:
        super().__init__(port)
        self.people: dict[str, dict[str, Any]] = {}
        self.disabled = False
        self._key = key

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "write_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path != "/v1/batch":
            return Answer(404, b"404 page not found")
        if call.headers.get("Authorization") != basic(self._key):
            return Answer(401, b"Invalid Write Key\n")
        if self.disabled:
            return Answer(404, b"Source is disabled\n")
        if len(call.body) > _LARGEST:
            return Answer(413, b"Request size exceeds max limit\n")
        events = call.json.get("batch") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or not events:
            return Answer(400, b"Invalid JSON\n" if not isinstance(events, list) else b"Empty batch payload\n")
        if not all(map(who, events)):
            return Answer(400, b"Request neither has anonymousId nor userId\n")
        for event in events:
            if event.get("type") == "identify":
                self.people.setdefault(who(event), {}).update(event["context"]["traits"])
            else:
                self.kept.append(event)
        return Answer(200, b"OK")
