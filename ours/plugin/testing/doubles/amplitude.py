"""Amplitude's HTTP V2 API: all or nothing, the wrong events named by field and position, and repeats dropped."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_MOST, _LARGEST, _LONGEST = 2000, 1_000_000, 1024
_NOBODY = {
    "", "0", "-1", "00000000-0000-0000-0000-000000000000", "anonymous", "lmy47d", "n/a", "na", "nil", "none", "null",
    "undefined", "unknown", "{}",
}  # fmt: skip
_OBJECTS = ("event_properties", "user_properties", "groups")
_NUMBERS = ("revenue", "price", "quantity", "session_id")
Found = tuple[str, str, int]
"""Which table of the answer, the field, and the position of the event."""


class AmplitudeDouble(Double):
    """``kept`` are the events, repeats dropped; ``users`` what is known of each person. ``slow``: ids that are sent
    too much of, and ``silenced``: devices of which nothing more is taken."""

    def __init__(self, port: int = 0, *, key: str = "a-key") -> None:
        super().__init__(port)
        self.users: dict[str, dict[str, Any]] = {}
        self.slow: set[str] = set()
        self.silenced: set[str] = set()
        self._key = key
        self._seen: set[tuple[Any, ...]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "api_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path != "/2/httpapi":
            return Answer(404, b"<html>404 Not Found</html>")
        if len(call.body) > _LARGEST:
            return Answer(413, {"code": 413, "error": "Payload too large"})
        body = call.json if isinstance(call.json, dict) else None
        if body is None:
            return _error("Invalid JSON request body")
        if "api_key" not in body:
            return _error("Request missing required field", missing_field="api_key")
        if body["api_key"] != self._key:
            return _error(f"Invalid API key: {body['api_key']}")
        events = body.get("events")
        if not isinstance(events, list) or not events:
            return _error("Request missing required field", missing_field="events")
        return self._upload(events, (body.get("options") or {}).get("min_id_length", 5), len(call.body))

    def _upload(self, events: Sequence[Mapping[str, Any]], shortest: int, size: int) -> Answer:
        if len(events) > _MOST:
            return Answer(413, {"code": 413, "error": "Payload too large"})
        found = [one for index, event in enumerate(events) for one in _wrong(index, event, shortest)]
        if found:
            return _error(f"Invalid field values on some events: {found[0][1]}", **_first_of_each(found))
        if silenced := [index for index, event in enumerate(events) if event.get("device_id") in self.silenced]:
            return _error("Events silenced for device_id", silenced_events=silenced, silenced_devices=[])
        people = [{event.get("user_id"), event.get("device_id")} for event in events]
        if slow := [index for index, one in enumerate(people) if one & self.slow]:
            said = {"code": 429, "error": "Too many requests for some devices and users", "eps_threshold": 30}
            return Answer(429, said | {"throttled_users": {}, "throttled_devices": {}, "throttled_events": slow})
        for event in events:
            self._keep(event)
        return Answer(200, {"code": 200, "events_ingested": len(events), "payload_size_bytes": size,
                            "server_upload_time": 1_396_381_378_123})  # fmt: skip

    def _keep(self, event: Mapping[str, Any]) -> None:
        key = (event.get("device_id") or event.get("user_id"), event.get("insert_id"))
        if key[1] and key in self._seen:
            return
        self._seen.add(key)
        if event["event_type"] == "$identify":
            known = self.users.setdefault(str(event.get("user_id")), {})
            known.update((event.get("user_properties") or {}).get("$set", {}))
        else:
            self.kept.append(event)


def _wrong(index: int, event: Mapping[str, Any], shortest: int) -> Iterator[Found]:
    if not event.get("event_type"):
        yield "events_with_missing_fields", "event_type", index
    ids = {name: event[name] for name in ("user_id", "device_id") if event.get(name)}
    if not ids:
        yield "events_with_missing_fields", "user_id", index
    for name, one in ids.items():
        if len(str(one)) < shortest:
            yield "events_with_invalid_id_lengths", name, index
        if not isinstance(one, str) or one.lower() in _NOBODY or len(one) > _LONGEST:
            yield "events_with_invalid_fields", name, index
    kinds: dict[str, Any] = {"time": int, **dict.fromkeys(_NUMBERS, (int, float)), **dict.fromkeys(_OBJECTS, dict)}
    for name, kind in kinds.items():
        fine = isinstance(event.get(name), kind) and not isinstance(event.get(name), bool)
        if not fine and (name in event or name == "time"):
            yield "events_with_invalid_fields", name, index


def _first_of_each(found: Sequence[Found]) -> dict[str, dict[str, list[int]]]:
    """As Amplitude says it: of each field, only the first event that is wrong."""
    told: dict[str, dict[str, list[int]]] = {}
    for table, field, index in found:
        told.setdefault(table, {}).setdefault(field, [index])
    return told


def _error(message: str, **more: Any) -> Answer:
    return Answer(400, {"code": 400, "error": message, **more})
