"""Braze's /users/track: what is wrong is named by its list and its place there, the others are accepted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours.plugin.envelope import to_json
from ours.plugin.testing.doubles.server import Answer, Call, Double

_KINDS = ("attributes", "events", "purchases")
_PEOPLE = ("external_id", "braze_id", "user_alias", "email", "phone")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MOST, _LONGEST, _LARGEST, _MOST_BOUGHT = 75, 255, 50_000, 100
_FATAL = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


class BrazeDouble(Double):
    """``kept`` are the events and purchases, repeats among them; ``people`` the attributes of each person.

    ``telling``: it counts what it took; without it, only ``success`` is said.
    """

    def __init__(self, port: int = 0, *, key: str = "a-key", telling: bool = True) -> None:
        super().__init__(port)
        self.people: dict[str, dict[str, Any]] = {}
        self._key, self._telling = key, telling

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "api_key": self._key}

    def answer(self, call: Call) -> Answer:
        if call.path != "/users/track" or call.method != "POST":
            return Answer(404, {"message": "Not Found"})
        if call.headers.get("Authorization") != f"Bearer {self._key}":
            return Answer(401, {"message": "Invalid API key"})
        body = call.json if isinstance(call.json, dict) else {}
        lists = {kind: body[kind] for kind in _KINDS if kind in body}
        if not lists or body.keys() - set(_KINDS) or not all(isinstance(one, list) for one in lists.values()):
            return Answer(400, {"message": _FATAL})
        if not 1 <= sum(map(len, lists.values())) <= _MOST:
            return Answer(400, {"message": "Max Input Length Exceeded"})
        return self._take(lists)

    def _take(self, lists: Mapping[str, Sequence[Any]]) -> Answer:
        errors, good = [], dict.fromkeys(lists, 0)
        for kind, objects in lists.items():
            for index, one in enumerate(objects):
                if fault := next(_faults(kind, one), None):
                    errors.append({"type": fault, "input_array": kind, "index": index})
                else:
                    good[kind] += 1
        if not any(good.values()):
            return Answer(400, {"message": _FATAL, "errors": errors})
        wrong = {(error["input_array"], error["index"]) for error in errors}
        for kind, objects in lists.items():
            self._keep(kind, [one for index, one in enumerate(objects) if (kind, index) not in wrong])
        counts = {f"{kind}_processed": count for kind, count in good.items()} if self._telling else {}
        return Answer(201, {"message": "success", **counts, **({"errors": errors} if errors else {})})

    def _keep(self, kind: str, objects: Sequence[Mapping[str, Any]]) -> None:
        if kind != "attributes":
            self.kept.extend(objects)
            return
        nulls = any(_has_null(value) for one in objects for value in one.values() if isinstance(value, dict | list))
        for one in objects:
            who = next(str(one[name]) for name in _PEOPLE if name in one)
            nested = {name for name, value in one.items() if isinstance(value, dict)} if nulls else set()
            known = {name: value for name, value in one.items() if name not in nested and not name.startswith("_")}
            self.people.setdefault(who, {}).update(known)


def _faults(kind: str, one: Any) -> Iterator[str]:
    told = one if isinstance(one, dict) else {}
    if not any(told.get(name) for name in _PEOPLE):
        yield "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
    if kind == "attributes":
        return
    if not _TIME.fullmatch(str(told.get("time"))):
        yield "'time' must be a string in ISO 8601"
    yield from _unlike_a_purchase(told) if kind == "purchases" else _unlike_an_event(told)
    bag = told.get("properties", {})
    if not isinstance(bag, dict) or len(to_json(bag)) > _LARGEST:
        yield "'properties' must be an object of at most 50 kB"
    elif not all(0 < len(name) <= _LONGEST and not name.startswith("$") for name in bag):
        yield "a property's name is not valid"
    elif any(isinstance(value, str) and len(value) > _LONGEST for value in bag.values()):
        yield "a property is longer than 255 characters"


def _unlike_an_event(told: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(told.get("name"), str) or not 1 <= len(told["name"]) <= _LONGEST:
        yield "'name' is required"


def _unlike_a_purchase(told: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(told.get("product_id"), str) or not 1 <= len(told["product_id"]) <= _LONGEST:
        yield "'product_id' is required"
    if not re.fullmatch("[A-Z]{3}", str(told.get("currency"))):
        yield "'currency' must be an ISO 4217 code"
    if isinstance(told.get("price"), bool) or not isinstance(told.get("price"), int | float):
        yield "'price' must be a number"
    if type(told.get("quantity", 1)) is not int or not 1 <= told.get("quantity", 1) <= _MOST_BOUGHT:
        yield "'quantity' must be an integer from 1 to 100"


def _has_null(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(one is None or _has_null(one) for one in inner)
