"""Customer.io's Track API v2: what is wrong in a batch is named by its position, the others are accepted."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours.plugin.envelope import to_json
from ours.plugin.testing.doubles.server import Answer, Call, Double

_LARGEST, _LARGEST_ITEM = 500_000, 32_000
_IDENTIFIERS = {"id", "email", "phone", "cio_id"}
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_ID, _LONGEST_NAME, _LONGEST_ATTRIBUTE, _MOST_ATTRIBUTES = 150, 100, 1000, 300
Fault = tuple[str, str, str]
"""The reason, the field, and a sentence."""


class CustomerIODouble(Double):
    """``kept`` are the events, repeats ignored; ``people`` the attributes of each person, by identifier."""

    def __init__(self, port: int = 0, *, site: str = "0a1b2c3d4e5f6a7b8c9d", key: str = "a-key") -> None:
        super().__init__(port)
        self.people: dict[str, dict[str, Any]] = {}
        self._site, self._key = site, key
        self._seen: set[str] = set()
        self._updated: dict[str, int] = {}

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "site_id": self._site, "api_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path != "/api/v2/batch" or call.method != "POST":
            return Answer(404, b"404 page not found")
        basic = base64.b64encode(f"{self._site}:{self._key}".encode()).decode()
        if call.headers.get("Authorization") != f"Basic {basic}":
            return Answer(401, {"meta": {"error": "Unauthorized request"}})
        if len(call.body) > _LARGEST:
            return Answer(413, b"")
        batch = call.json.get("batch") if isinstance(call.json, dict) else None
        if not isinstance(batch, list) or not all(isinstance(one, dict) for one in batch):
            return _errors(400, [{"reason": "invalid", "field": "batch", "message": "batch must be a list of objects"}])
        return self._take(batch)

    def _take(self, batch: Sequence[Mapping[str, Any]]) -> Answer:
        errors = []
        for index, one in enumerate(batch):
            if faults := list(_faults(one)):
                reason, field, message = faults[0]
                errors.append({"batch_index": index, "reason": reason, "field": field, "message": message})
            else:
                self._keep(one)
        return _errors(207, errors) if errors else Answer(200, {})

    def _keep(self, one: Mapping[str, Any]) -> None:
        [who] = one["identifiers"].values()
        known, moment = self.people.setdefault(who, {}), one.get("timestamp", 0)
        if one["action"] == "event":
            if one.get("id") not in self._seen:
                self.kept.append(one)
            self._seen.add(one.get("id", ""))
        elif moment >= self._updated.get(who, 0):
            self._updated[who] = moment
            known.update(one.get("attributes", {}))


def _faults(one: Mapping[str, Any]) -> Iterator[Fault]:
    who, attributes = one.get("identifiers"), one.get("attributes", {})
    if one.get("type") != "person" or one.get("action") not in {"event", "identify"}:
        yield "invalid", "action", "type and action are not supported together"
    if not isinstance(who, dict) or len(who) != 1 or not who.keys() <= _IDENTIFIERS:
        yield "required", "identifiers", "exactly one identifier is required"
    elif len(str(who.get("id", "")).encode()) > _LONGEST_ID or not _EMAIL.fullmatch(who.get("email", "a@b.example")):
        yield "invalid", "identifiers", "the identifier is malformed or too long"
    if not isinstance(attributes, dict):
        yield "invalid", "attributes", "attributes must be an object"
    elif not isinstance(one.get("timestamp", 0), int):
        yield "invalid", "timestamp", "timestamp must be a Unix timestamp in seconds"
    elif len(to_json(one)) > _LARGEST_ITEM:
        yield "invalid", "", "the request is larger than 32kb"
    else:
        yield from _event_faults(one) if one.get("action") == "event" else _person_faults(attributes)


def _event_faults(one: Mapping[str, Any]) -> Iterator[Fault]:
    if not one.get("name"):
        yield "required", "name", "name is required"
    elif len(str(one["name"]).encode()) > _LONGEST_NAME:
        yield "invalid", "name", "name is too long"
    if "id" in one and not _ULID.fullmatch(str(one["id"])):
        yield "invalid", "id", "id must be a ULID"


def _person_faults(attributes: Mapping[str, Any]) -> Iterator[Fault]:
    if len(attributes) > _MOST_ATTRIBUTES:
        yield "invalid", "attributes", "too many attributes"
    for name, value in attributes.items():
        size = len(value.encode() if isinstance(value, str) else to_json(value))
        if size > _LONGEST_ATTRIBUTE or (name == "email" and not _EMAIL.fullmatch(str(value))):
            yield "invalid", f"attributes.{name}", "the attribute is malformed or too long"


def _errors(status: int, errors: Sequence[Mapping[str, Any]]) -> Answer:
    return Answer(status, {"errors": list(errors)})
