"""Klaviyo's events and profiles: each request has its verdict, and a person is one by any of their identifiers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_EVENTS, _IMPORT = "/api/events", "/api/profile-import"
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\w+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_TIME = re.compile(r"(199\d|20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "_kx")
_PERSON = {*_IDENTIFIERS, "first_name", "last_name", "organization", "title", "locale", "image", "location",
           "properties", "meta"}  # fmt: skip
_PLACE = {"address1", "address2", "city", "region", "zip", "country", "timezone", "ip", "latitude", "longitude"}
_EVENT = {"properties", "time", "value", "value_currency", "unique_id", "backfill", "metric", "profile"}
_LONGEST_NAME, _MOST_PROPERTIES, _LONGEST_TEXT = 127, 400, 100_000
_LARGEST, _LARGEST_PROFILE = 5_000_000, 100_000
Fault = tuple[str, str]
"""Where it is, and a sentence."""


class KlaviyoDouble(Double):
    """``kept`` are the events, repeats dropped; ``profiles`` what is known of each person.

    ``started`` names the metric of each event that would start flows.
    """

    def __init__(self, port: int = 0, *, key: str = "pk_a-key") -> None:
        super().__init__(port)
        self.profiles: list[dict[str, Any]] = []
        self.started: list[str] = []
        self._key = key
        self._seen: set[tuple[int, str, str]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "private_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path not in (_EVENTS, _IMPORT):
            return _error(404, "not_found", "The path is unknown.")
        if call.method != "POST":
            return _error(405, "method_not_allowed", f"Method {call.method} not allowed.")
        if call.headers.get("Authorization") != f"Klaviyo-API-Key {self._key}":
            return _error(401, "not_authenticated", "Missing or invalid private key.")
        if not _REVISION.fullmatch(call.headers.get("revision", "")):
            return _error(400, "invalid", "A revision header is required.")
        if call.headers.get("Content-Type") not in ("application/vnd.api+json", "application/json"):
            return _error(415, "unsupported_media_type", "Unsupported media type in request.")
        if len(call.body) > (_LARGEST if call.path == _EVENTS else _LARGEST_PROFILE):
            return _error(413, "payload_too_large", "The payload is too large.")
        data = call.json.get("data") if isinstance(call.json, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("attributes"), dict):
            return _error(400, "invalid", "data is required.", "/data")
        return self._event(data) if call.path == _EVENTS else self._import(data)

    def _event(self, data: Mapping[str, Any]) -> Answer:
        told = data["attributes"]
        if fault := next(_wrong_event(data.get("type"), told), None):
            return _invalid(fault, "/data/attributes/")
        person = dict(told["profile"]["data"]["attributes"])
        left_out = {}
        if "phone_number" in person and not _PHONE.fullmatch(str(person["phone_number"])):
            left_out = {"X-Klaviyo-Partial-Failure": "phone_number"}
            del person["phone_number"]
        if fault := next(_wrong_person(person), None):
            return _invalid(fault, "/data/attributes/profile/data/attributes/")
        name = told["metric"]["data"]["attributes"]["name"]
        whose = self._whose(person)
        self.profiles[whose].update(person)
        key = (whose, name, told.get("unique_id") or told.get("time", "")[:19])
        if key not in self._seen:
            self._seen.add(key)
            self.kept.append(told)
            self.started += [] if told.get("backfill") else [name]
        return Answer(202, b"", left_out)

    def _import(self, data: Mapping[str, Any]) -> Answer:
        person = data["attributes"]
        if data.get("type") != "profile":
            return _error(400, "invalid", "type must be profile.", "/data/type")
        if fault := next(_wrong_person(person), None):
            return _invalid(fault, "/data/attributes/")
        if not _PHONE.fullmatch(str(person.get("phone_number", "+14155550100"))):
            return _invalid(("phone_number", "Invalid phone number format."), "/data/attributes/")
        known = self._known(person)
        if len(known) > 1:
            return _error(409, "duplicate_profile", "A profile already exists with one of these identifiers.")
        whose = self._whose(person)
        of_old = self.profiles[whose]
        bags = {bag: {**of_old.get(bag, {}), **person[bag]} for bag in ("properties", "location") if bag in person}
        of_old.update({**person, **bags})
        body = {"data": {"type": "profile", "id": f"01{whose:024}", "attributes": of_old}}
        return Answer(200 if known else 201, body)

    def _known(self, person: Mapping[str, Any]) -> list[int]:
        return [
            index
            for index, one in enumerate(self.profiles)
            if any(name in person and person[name] == one.get(name) for name in _IDENTIFIERS)
        ]

    def _whose(self, person: Mapping[str, Any]) -> int:
        known = self._known(person)
        if not known:
            self.profiles.append({})
        return known[0] if known else len(self.profiles) - 1


def _wrong_event(kind: Any, told: Mapping[str, Any]) -> Iterator[Fault]:
    if kind != "event":
        yield "type", "type must be event."
    yield from ((name, f"'{name}' is not a valid field.") for name in told.keys() - _EVENT)
    yield from (
        (name, f"'{name}' is required.") for name in ("properties", "metric", "profile") if not _is_bag(told.get(name))
    )
    name = told["metric"].get("data", {}).get("attributes", {}).get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        yield "metric/data/attributes/name", "Must be less than 128 characters."
    if not _TIME.fullmatch(str(told.get("time", "2026-01-01T00:00:00Z"))):
        yield "time", "Invalid datetime."
    if isinstance(told.get("value", 0), bool) or not isinstance(told.get("value", 0), int | float):
        yield "value", "Invalid number."
    if not re.fullmatch("[A-Z]{3}", str(told.get("value_currency", "USD"))):
        yield "value_currency", "Invalid currency code."
    if not isinstance(told.get("unique_id", ""), str) or not isinstance(told.get("backfill", False), bool):
        yield "unique_id", "unique_id must be a string, and backfill a boolean."
    if len(told["properties"]) > _MOST_PROPERTIES or _longest(told["properties"]) > _LONGEST_TEXT:
        yield "properties", "Too many properties, or a string is too long."
    if not _is_bag(told["profile"].get("data")) or not _is_bag(told["profile"]["data"].get("attributes")):
        yield "profile", "'data' is required."


def _wrong_person(person: Mapping[str, Any]) -> Iterator[Fault]:
    yield from ((name, f"'{name}' is not a valid field.") for name in person.keys() - _PERSON)
    if not any(person.get(name) for name in _IDENTIFIERS):
        yield "", "One of email, phone_number, external_id, anonymous_id, _kx is required."
    if not _EMAIL.fullmatch(str(person.get("email", "a@example.com"))):
        yield "email", "Invalid email address."
    texts = person.keys() - {"location", "properties", "meta"}
    yield from ((name, "Must be a string.") for name in texts if not isinstance(person[name], str))
    if not _is_bag(person.get("properties", {})) or not _is_bag(person.get("location", {})):
        yield "properties", "Must be an object."
    elif strange := person.get("location", {}).keys() - _PLACE:
        yield "location", f"{sorted(strange)} are no fields of a location."


def _is_bag(value: Any) -> bool:
    return isinstance(value, dict)


def _longest(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(map(_longest, inner), default=0)


def _invalid(fault: Fault, where: str) -> Answer:
    return _error(400, "invalid", fault[1], where + fault[0])


def _error(status: int, code: str, detail: str, pointer: str = "/data") -> Answer:
    error = {"id": "e-1", "status": status, "code": code, "title": "Invalid input.", "detail": detail,
             "source": {"pointer": pointer}}  # fmt: skip
    return Answer(status, {"errors": [error]})
