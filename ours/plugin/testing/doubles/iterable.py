"""Iterable's bulk API: whoever is wrong is named by email, id or the event's name, and the others are accepted."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_LARGEST, _LONGEST_ID = 4_000_000, 512
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_USER_ID = re.compile(r"[\x20-\x7e]*[\x21-\x7e]")
Fault = tuple[str, str]
"""The list in which it is named, and what is named there."""


class IterableDouble(Double):
    """``kept`` are the events, of those with one id the last; ``people`` the data fields of each, by email or id.
    ``disallowed``: names of events; ``forgotten``: emails and ids; ``strict``: knows nobody of whom no update told.
    """

    def __init__(self, port: int = 0, *, key: str = "a-key", disallowed: Collection[str] = (),
                 forgotten: Collection[str] = (), strict: bool = False) -> None:  # fmt: skip
        super().__init__(port)
        self.people: dict[str, dict[str, Any]] = {}
        self.disallowed, self.forgotten, self.strict = disallowed, forgotten, strict
        self._key = key
        self._types: dict[str, str] = {}
        self._at: dict[str, int] = {}

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "api_key": self._key}

    def answer(self, call: Call) -> Answer:
        name = {"/api/events/trackBulk": "events", "/api/users/bulkUpdate": "users"}.get(call.path)
        if call.method != "POST" or name is None:
            return Answer(404, b"")
        if call.headers.get("Api-Key") != self._key:
            return _refused(401, "BadApiKey", "Invalid API key")
        if len(call.body) > _LARGEST:
            return Answer(413, b"")
        many = call.json.get(name) if isinstance(call.json, dict) else None
        if not isinstance(many, list) or not all(isinstance(one, dict) for one in many):
            return _refused(400, "BadJsonBody", f"{name} must be a list of objects")
        wrong = next(filter(None, map(_event_wrong if name == "events" else _user_wrong, many)), None)
        return _refused(400, "BadParams", wrong) if wrong else self._take(many, events=name == "events")

    def _take(self, many: Sequence[Mapping[str, Any]], *, events: bool) -> Answer:
        failed: dict[str, list[str]] = {}
        disallowed = [one["eventName"] for one in many if events and one["eventName"] in self.disallowed]
        count = len(disallowed)
        for one in many:
            if events and one["eventName"] in disallowed:
                continue
            if fault := self._fault(one, known=not (events and self.strict)):
                failed.setdefault(fault[0], []).append(fault[1])
                count += 1
            elif events:
                self._keep(one)
            else:
                self._update(one)
        said = {"successCount": len(many) - count, "failCount": count, "failedUpdates": failed, "createdFields": []}
        return Answer(200, said | ({"disallowedEventNames": disallowed} if events else {}))

    def _fault(self, one: Mapping[str, Any], *, known: bool) -> Fault | None:
        who, kind = (one["email"], "Emails") if "email" in one else (one["userId"], "UserIds")
        address = one.get("dataFields", {}).get("email", "a@b.example") if "eventName" not in one else "a@b.example"
        if not (_EMAIL if kind == "Emails" else _USER_ID).fullmatch(who):
            return f"invalid{kind}", who
        if not _EMAIL.fullmatch(str(address)):
            return "invalidEmails", str(address)
        if who in self.forgotten:
            return f"forgotten{kind}", who
        if not known and who not in self.people:
            return f"notFound{kind}", who
        data = one.get("dataFields", {}) if "eventName" not in one else {}
        mixed = any(self._types.setdefault(name, _type(value)) != _type(value) for name, value in data.items())
        return (f"invalidData{kind}", who) if mixed else None

    def _keep(self, one: Mapping[str, Any]) -> None:
        at = self._at.setdefault(one.get("id", f"own-{len(self.kept)}"), len(self.kept))
        self.kept[at : at + 1] = [one]

    def _update(self, one: Mapping[str, Any]) -> None:
        self.people.setdefault(one.get("email") or one["userId"], {}).update(one.get("dataFields", {}))


def _event_wrong(one: Mapping[str, Any]) -> str | None:
    if not isinstance(one.get("eventName"), str) or not one["eventName"]:
        return "eventName is required"
    if not isinstance(one.get("id", ""), str) or len(one.get("id", "").encode()) > _LONGEST_ID:
        return "id can't be longer than 512 bytes"
    if any(not isinstance(one.get(name, 0), int) for name in ("createdAt", "campaignId", "templateId")):
        return "createdAt, campaignId and templateId must be integers"
    return _user_wrong(one)


def _user_wrong(one: Mapping[str, Any]) -> str | None:
    who = [one[name] for name in ("email", "userId") if name in one]
    if len(who) != 1 or not isinstance(who[0], str):
        return "Provide an email or a userId, but not both"
    return None if isinstance(one.get("dataFields", {}), dict) else "dataFields must be an object"


def _type(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _refused(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"code": code, "msg": message, "params": None})
