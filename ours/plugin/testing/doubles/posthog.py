"""PostHog's capture: all or nothing, 200 to any key of the right form, and repeats dropped in the end."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ours.plugin.testing.doubles.server import Answer, Call, Double

_LARGEST, _LARGEST_EVENT, _LONGEST = 20 * 1024 * 1024, 1_000_000, 200
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class PostHogDouble(Double):
    """``kept`` are the events of its project, repeats dropped; ``persons`` what is known of each that has a profile.
    ``over_quota``: it takes everything and keeps nothing."""

    def __init__(self, port: int = 0, *, key: str = "phc_key") -> None:
        super().__init__(port)
        self.persons: dict[str, dict[str, Any]] = {}
        self.over_quota = False
        self._key = key
        self._seen: set[tuple[Any, ...]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "project_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path != "/batch/" or call.method != "POST":
            return Answer(404, b"")
        if len(call.body) > _LARGEST:
            return Answer(413, b"length limit exceeded")
        body = call.json if isinstance(call.json, dict) else {}
        events = body.get("batch")
        if not isinstance(events, list) or not isinstance(body.get("api_key"), str):
            return Answer(400, b"failed to parse request: data did not match any variant")
        if refusal := _key_refused(body["api_key"]) or next(filter(None, map(_refused, events)), None):
            return refusal
        if body["api_key"] == self._key and not self.over_quota:
            for event in events:
                self._keep(event)
        return Answer(200, {"status": "Ok"})

    def _keep(self, event: Mapping[str, Any]) -> None:
        person, properties = str(event["distinct_id"])[:_LONGEST], event.get("properties") or {}
        key = (event["event"], person, str(event.get("timestamp"))[:10], event.get("uuid"))
        if properties.get("$process_person_profile") is not False:
            self.persons.setdefault(person, {}).update(properties.get("$set", {}))
        if event["event"] != "$identify" and key not in self._seen:
            self.kept.append(event)
        self._seen.add(key)


def _key_refused(key: str) -> Answer | None:
    if not key or key.startswith("phx_") or len(key) > 64 or not key.isascii():
        return Answer(401, b"API key is not valid: personal_api_key")
    return None


def _refused(event: Mapping[str, Any]) -> Answer | None:
    if not event.get("event"):
        return Answer(400, b"event submitted with an empty event name")
    if event.get("distinct_id") in (None, ""):
        return Answer(400, b"event submitted without a distinct_id")
    properties = event.get("properties", {})
    if not isinstance(properties, dict) or not _is_uuid(event.get("uuid")):
        return Answer(400, b"failed to parse request: invalid type")
    if not isinstance(properties.get("$cookieless_mode", True), bool):
        return Answer(400, b"event submitted with invalid cookieless mode")
    if not _MOMENT.fullmatch(str(event.get("timestamp"))):
        return Answer(400, b"event submitted with invalid timestamp")
    return Answer(413, b"maximum event size exceeded") if len(str(event)) > _LARGEST_EVENT else None


def _is_uuid(value: Any) -> bool:
    try:
        UUID(value or "00000000-0000-0000-0000-000000000000")
    except (ValueError, AttributeError, TypeError):
        return False
    return True
