"""HubSpot: custom events all or nothing, and a contact each with its own verdict where each has an id to be told by."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_EVENTS = re.compile(r"/events/(v3|2026-03|custom/(2025-09|2026-09))/send/batch")
_CONTACTS = re.compile(r"/crm/(v3/objects|objects/(2025-09|2026-03|2026-09))/contacts/batch/upsert")
_MOST_EVENTS, _MOST_CONTACTS, _MOST_PROPERTIES, _LONGEST = 500, 100, 50, 1024
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
Fault = tuple[str, str, str]
"""HubSpot's code, the property, and a sentence."""


class HubSpotDouble(Double):
    """``kept`` are the occurrences, repeats dropped; ``contacts`` the properties of each, by email. ``defined``: the
    names of the custom events that there are; None: whatever is sent. ``known``: the properties of contacts, likewise.
    """

    def __init__(self, port: int = 0, *, account: str = "1234567", token: str = "pat-na1-token",  # noqa: S107 - a test's
                 defined: Collection[str] | None = None, known: Collection[str] | None = None) -> None:  # fmt: skip
        super().__init__(port)
        self.contacts: dict[str, dict[str, str]] = {}
        self._account, self._token, self._defined, self._known = account, token, defined, known
        self._seen: set[tuple[str, str]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "account_id": self._account, "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        events, contacts = _EVENTS.fullmatch(call.path), _CONTACTS.fullmatch(call.path)
        if call.method != "POST" or not (events or contacts):
            return Answer(404, b"<html><h1>HTTP ERROR 404 Not Found</h1></html>", {"Content-Type": "text/html"})
        if call.headers.get("Authorization") != f"Bearer {self._token}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        inputs = call.json.get("inputs") if isinstance(call.json, dict) else None
        if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
            return _error(400, "VALIDATION_ERROR", "Invalid input JSON")
        return self._occurrences(inputs) if events else self._upsert(inputs)

    def _occurrences(self, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        if len(inputs) > _MOST_EVENTS:
            return _error(400, "VALIDATION_ERROR", "Too many events")
        wanted = [f"pe{self._account}_{name}" for name in self._defined or ()]
        for one in inputs:
            if self._defined is not None and one.get("eventName") not in wanted:
                return _error(404, "OBJECT_NOT_FOUND", f"No event definition {one.get('eventName')}")
            if said := next(_event_faults(one, self._account), None):
                return _error(400, "VALIDATION_ERROR", said)
        for one in inputs:
            key = one["eventName"], str(one.get("uuid"))
            if key not in self._seen:
                self.kept.append(one)
            self._seen.add(key)
        return Answer(204)

    def _upsert(self, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        if len(inputs) > _MOST_CONTACTS:
            return _error(400, "VALIDATION_ERROR", "The maximum number of inputs supported in a batch request is 100.")
        if len({str(one.get("id")).lower() for one in inputs}) < len(inputs):
            return _error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        faults = [next(self._contact_faults(one), None) for one in inputs]
        traced = len({one.get("objectWriteTraceId") or "" for one in inputs} - {""}) == len(inputs)
        if any(faults) and not traced:
            return _property_error(400, next(filter(None, faults)))
        good = [one for one, fault in zip(inputs, faults, strict=True) if not fault]
        said = {"status": "COMPLETE", "results": [self._keep(one) for one in good]}
        wrong = [_property_error(207, fault, one["objectWriteTraceId"]).body
                 for one, fault in zip(inputs, faults, strict=True) if fault]  # fmt: skip
        return Answer(207, said | {"errors": wrong, "numErrors": len(wrong)}) if wrong else Answer(200, said)

    def _keep(self, one: Mapping[str, Any]) -> Mapping[str, Any]:
        new = one["id"] not in self.contacts
        self.contacts.setdefault(one["id"], {}).update(one["properties"])
        told = {"id": str(sorted(self.contacts).index(one["id"])), "new": new, "properties": one["properties"]}
        return told | {"objectWriteTraceId": one.get("objectWriteTraceId"), "archived": False}

    def _contact_faults(self, one: Mapping[str, Any]) -> Iterator[Fault]:
        known, bag = self._known, one.get("properties")
        if one.get("idProperty") != "email" or not isinstance(bag, dict):
            yield "INVALID_INPUT", "idProperty", "Unable to perform update/upsert by non-unique property"
        elif not _EMAIL.fullmatch(str(one.get("id"))):
            yield "INVALID_EMAIL", "email", f"Email address {one.get('id')} is invalid"
        for name, value in bag.items() if isinstance(bag, dict) else ():
            if not isinstance(value, str):
                yield "INVALID_INPUT", name, f"{name} must be a string"
            if known is not None and name != "email" and name not in known:
                yield "PROPERTY_DOESNT_EXIST", name, f'Property "{name}" does not exist'


def _event_faults(one: Mapping[str, Any], account: str) -> Iterator[str]:
    bag, name = one.get("properties"), str(one.get("eventName"))
    if not name.startswith(f"pe{account}_") or not _NAME.fullmatch(name.partition("_")[2]):
        yield f"Invalid event name {name}"
    if not any(isinstance(one.get(who), str) and one[who] for who in ("email", "objectId", "utk")):
        yield "One of email, objectId and utk is required"
    if not _EMAIL.fullmatch(str(one.get("email", "a@b.example"))):
        yield f"Invalid email {one['email']}"
    if not _MOMENT.fullmatch(str(one.get("occurredAt", "2026-01-01T00:00:00Z"))):
        yield "occurredAt must be an ISO 8601 date-time"
    if not isinstance(bag, dict) or len(bag) > _MOST_PROPERTIES:
        yield f"properties must be an object of at most {_MOST_PROPERTIES}"
    elif wrong := [name for name, value in bag.items() if not _fits(name, value)]:
        yield f"Invalid property {wrong[0]}"


def _fits(name: str, value: Any) -> bool:
    return _NAME.fullmatch(name) is not None and isinstance(value, str) and len(value) <= _LONGEST


def _property_error(status: int, fault: Fault, trace: str | None = None) -> Answer:
    code, name, message = fault
    detail = {"message": message, "code": code, "context": {"propertyName": [name]}}
    context = {"context": {"objectWriteTraceId": [trace]}} if trace else {}
    return _error(status, "VALIDATION_ERROR", message, {"errors": [detail], **context})


def _error(status: int, category: str, message: str, more: Mapping[str, Any] | None = None) -> Answer:
    known = {"status": "error", "category": category, "message": message, "correlationId": "a-correlation"}
    return Answer(status, known | dict(more or {}))
