"""What a field that is not known here was meant to be: our own names spelt otherwise, and those of other platforms."""

from collections.abc import Mapping, Set
from typing import Any

UNKNOWN = "Unknown field. Did you mean {}?"
_PHONE = "userProperties.phone_number"
_PEOPLE = {
    "userid": "userId", "visitorid": "userId", "anonymousid": "userId",
    "distinctid": "userId",  # who knows distinct_id as the person; beside one who is named, it is meant as ours
    "externalid": "externalId", "customerid": "externalId",
    "email": "email", "emailaddress": "email", "phone": _PHONE, "phonenumber": _PHONE, "mobile": _PHONE,
}  # fmt: skip
_ALL = _PEOPLE | {
    "event": "event", "eventname": "event", "events": "events", "batch": "events",
    "distinctid": "distinctId", "messageid": "distinctId", "insertid": "distinctId", "idempotencykey": "distinctId",
    "time": "time", "timestamp": "time", "originaltimestamp": "time", "occurredat": "time",
    "properties": "eventProperties", "eventproperties": "eventProperties",
    "traits": "userProperties", "userproperties": "userProperties",
    "consent": "userProperties.consent",
    "context": "defaultProperties", "defaultproperties": "defaultProperties", "identitycontext": "identityContext",
}  # fmt: skip
_NAMES_WHAT = {"distinctId": "distinctId, which names the event and not the person"}
_KEYS = {"writekey", "apikey", "apisecret"}
_SCHEMES = {"basic", "token", "key", "apikey"}  # what else stands there may be the key
_HEADERS = ("Api-Key", "X-Write-Key", "X-Auth-Token")
_BAGS = ("properties", "eventProperties")
DOORS = {
    "track": "A single event goes to /api/v1/track.",
    "identify": "Properties of a visitor, without an event, go to /api/v1/identify.",
    "batch": "A list of events goes to /api/v1/batch, as events.",
}


def person(key: str) -> str:
    """The identifier that ``key`` was meant to be; empty when it looks like none."""
    return _PEOPLE.get(_plain(key), "")


def key(body: Mapping[str, Any]) -> str:
    """The field that a key was sent in, where it is not read; empty when there is none."""
    within = (bag for bag in _BAGS if isinstance(body.get(bag), dict) and body[bag].get("token"))
    rows = body.get("events")
    in_a_row = isinstance(rows, list) and any(isinstance(row, dict) and row.get("token") for row in rows[:1])
    unread = next((name for name in body if _plain(name) in _KEYS), "") or next((f"{bag}.token" for bag in within), "")
    return unread or ("events.token" if in_a_row else "")


def key_of_header(environ: Mapping[str, Any]) -> str:
    """The header or parameter that a key was sent in, where it is not read; empty when there is none."""
    scheme, _, rest = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if scheme and scheme.lower() != "bearer":
        return f"Authorization: {scheme}" if rest and scheme.lower() in _SCHEMES else "Authorization without Bearer"
    header = next((name for name in _HEADERS if environ.get(f"HTTP_{name.upper().replace('-', '_')}")), "")
    parameters = (part.partition("=")[0] for part in environ.get("QUERY_STRING", "").split("&"))
    return header or next((f"?{name}=" for name in parameters if _plain(name) in _KEYS | {"token"}), "")


def field(key: str, body: Mapping[str, Any], known: Set[str]) -> str:
    """Which of the ``known`` fields ``key`` was meant to be, and ``body`` lacks; empty when it looks like none."""
    name = _ALL.get(_plain(key), "")
    return name if name.partition(".")[0] in known and name not in body else ""


def door(body: Mapping[str, Any]) -> str:
    """Which of the ``DOORS`` this body was meant for; empty when that can't be told."""
    meant_for = {door_of(key, value) for key, value in body.items()}
    facts = (value for key, value in body.items() if _ALL.get(_plain(key)) == "userProperties")
    return next((name for name in ("batch", "track") if name in meant_for), "") or (
        "identify" if any(isinstance(value, dict) for value in facts) else ""
    )


def door_of(key: str, value: Any) -> str:
    """Which of the ``DOORS`` takes this as the event, or the events, that it is; empty when it is none."""
    match _ALL.get(_plain(key)), value:
        case "events", list():
            return "batch"
        case "event", str():
            return "track"
    return ""


def told(name: str) -> str:
    """That field, as a caller is told of it who may know it as something else."""
    return _NAMES_WHAT.get(name, name)


def _plain(key: str) -> str:
    return key.strip(" $").replace("_", "").replace("-", "").lower()


HINTS = frozenset(UNKNOWN.format(told(name)) for name in _ALL.values())
