"""Mixpanel: import tells the failed ones by index and keeps the others; engage answers 200 to what it refuses."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_MOST, _LARGEST = 2000, 10_000_000
_FROM, _UNTIL = 31_536_000_000, 4_102_444_800_000


class MixpanelDouble(Double):
    """``kept`` are the events, repeats dropped; ``profiles`` what is known of each person."""

    def __init__(self, port: int = 0, *, token: str = "a-token") -> None:  # noqa: S107 - a test's
        super().__init__(port)
        self.profiles: dict[str, dict[str, Any]] = {}
        self._token = token
        self._seen: set[tuple[Any, ...]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "token": self._token}

    def answer(self, call: Call) -> Answer:
        if len(call.body) > _LARGEST:
            return Answer(413, {"error": "request exceeds max limit of 10485760 bytes", "code": 413})
        if not isinstance(call.json, list) or not 1 <= len(call.json) <= _MOST:
            return Answer(400, {"error": "request must be a list of 1 to 2000", "code": 400, "status": "Bad Request"})
        match call.path:
            case "/import":
                return self._import(call)
            case "/engage":
                return self._engage(call.json)
        return Answer(404, b"not found")

    def _import(self, call: Call) -> Answer:
        basic = base64.b64encode(f"{self._token}:".encode()).decode()
        if call.headers.get("Authorization") != f"Basic {basic}":
            return Answer(401, {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"})
        failed = list(_failed(call.json))
        wrong = {record["index"] for record in failed}
        good = [event for index, event in enumerate(call.json) if index not in wrong]
        for event in good:
            bag = event["properties"]
            key = (event["event"], bag["time"], bag["distinct_id"], bag["$insert_id"])
            if key not in self._seen:
                self._seen.add(key)
                self.kept.append(event)
        if failed:
            told = {"code": 400, "error": "some data points in the request failed validation"}
            return Answer(
                400, told | {"failed_records": failed, "num_records_imported": len(good), "status": "Bad Request"}
            )
        return Answer(200, {"code": 200, "num_records_imported": len(good), "status": "OK"})

    def _engage(self, updates: list[Any]) -> Answer:
        failed = [
            {"index": index, "message": "'$distinct_id' must not be missing or empty", "field": "$distinct_id"}
            for index, one in enumerate(updates)
            if not one.get("$distinct_id") or one.get("$token") != self._token
        ]
        for index, one in enumerate(updates):
            if index not in {record["index"] for record in failed}:
                self.profiles.setdefault(one["$distinct_id"], {}).update(one.get("$set", {}))
        if failed:
            return Answer(200, {"error": "some data points in the request failed validation", "status": 0,
                                "failed_records": failed})  # fmt: skip
        return Answer(200, {"error": None, "status": 1})


def _failed(events: list[Any]) -> Iterator[Mapping[str, Any]]:
    for index, event in enumerate(events):
        bag = event.get("properties") or {}
        for name, message in _wrong(event, bag):
            yield {"index": index, "$insert_id": bag.get("$insert_id"), "field": name, "message": message}
            break


def _wrong(event: Mapping[str, Any], bag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not event.get("event"):
        yield "event", "'event' must not be missing or empty"
    if not isinstance(bag.get("time"), int) or not _FROM < bag["time"] < _UNTIL:
        yield "properties.time", "'properties.time' is invalid: must be specified as milliseconds since epoch"
    if not isinstance(bag.get("$insert_id"), str) or not _INSERT_ID.fullmatch(bag["$insert_id"]):
        yield "properties.$insert_id", "'properties.$insert_id' is invalid"
    if not bag.get("distinct_id"):
        yield "properties.distinct_id", "'properties.distinct_id' must not be missing"
    if len(bag) >= 255:
        yield "properties", "'properties' has too many entries"
