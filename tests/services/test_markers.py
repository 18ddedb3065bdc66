"""Whatever is configured and whatever is sent: what no row of the mapping names reaches no receiver.

Every value of an event is a marker that occurs nowhere else: as a text, a key, a number, in an address, in JSON in a
text, in base64, percent-encoded. The plugins send all that they are handed.
"""

import itertools
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ours.core.modifications import HASHES, MODIFICATIONS
from ours.plugin import Batching, Delivery, Destination, Endpoint, Network, Outcome, Request, Schema, by_status
from ours.services.rules import Governance, Rule
from tests.receiver import Receiver
from tests.services.conftest import Place

_HIDE = HASHES | {"Null", "Redacted", "FakeDomain", "FakeIP"}
_KEYS = ("a", "b")
_NAMES = ("first_name", "city", "state", "gclid")
_PATHS = [
    *(f"event.{bag}{rest}" for bag in ("event_properties", "default_properties") for rest in ("", ".a", ".b", ".b.c")),
    *(f"visitor.{name}" for name in (*_NAMES, "email", "custom_properties", "custom_properties.a")),
    *("event.external_id", "event.user_id", "event.request_context.ip", "visitor.consent", "event.event"),
]
_numbers = itertools.count(10**9)


class Dumps(Destination):
    """Sends all that it is handed."""

    slug = "dumps"
    label = "Dumps"

    class Settings(Schema):
        url = Endpoint(required=True)

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", delivery.settings["url"], json=_all(delivery))


class DumpsMany(Dumps):
    slug = "dumps-many"
    batching = Batching(max_items=2, linger=0.0)
    build = Destination.build

    def item(self, delivery: Delivery) -> Any:
        return _all(delivery)

    def pack(self, items: Any, settings: Mapping[str, Any]) -> Request:
        return Request("POST", settings["url"], json=items)


class DumpsItself(Dumps):
    slug = "dumps-itself"

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        with network.session() as session:
            return by_status(session.post(settings["url"], json=request.json))


def _all(delivery: Delivery) -> Any:
    return {"fields": dict(delivery.fields), "event": asdict(delivery.event)}


class Planter:
    """Makes markers, and knows at which path each of them lies."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def text(self, place: str, form: str = "plain") -> str:
        mark = "zq" + "".join("bcdfghjkmn"[int(digit)] for digit in str(next(_numbers)))
        self.places[mark] = place
        forms = {"plain": mark, "address": f"https://{mark}.example.com/{self.text(place)}?q={self.text(place)}",
                 "base64": b64encode(mark.encode()).decode(), "percent": _percent(mark),
                 "json": json.dumps({mark: mark})} if form != "plain" else {"plain": mark}  # fmt: skip
        return forms[form]

    def tree(self, place: str, shape: Any) -> Any:
        if isinstance(shape, list):
            return [self.tree(place, one) for one in shape]
        if isinstance(shape, dict):
            return {self.text(place): "k"} | {key: self.tree(f"{place}.{key}", one) for key, one in shape.items()}
        return self.text(place, shape)

    def shown(self, sent: bytes) -> Iterator[str]:
        text = sent.decode().lower()
        for mark in self.places:
            if any(form in text for form in (mark, b64encode(mark.encode()).decode().lower(), _percent(mark).lower())):
                yield mark


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


_FORMS = st.sampled_from(["plain", "address", "base64", "percent", "json"])
_SHAPES = st.recursive(
    _FORMS,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(st.sampled_from("abc"), one, max_size=2),
    max_leaves=5,
)
_TEMPLATES = st.builds(
    lambda how, one, other: how.format(f"{{{{{one}}}}}", f"{{{{{one} || {other}}}}}", f"{{{{{other}}}}}"),
    st.sampled_from(["", "{0}", "{1}", "so {0} and {2}"]), st.sampled_from(_PATHS), st.sampled_from(_PATHS),
)  # fmt: skip
_MODIFIED = st.one_of(st.just("None"), st.sampled_from(sorted(MODIFICATIONS)))
_ROW = st.builds(lambda template, how: {"map": template, "modification": how}, _TEMPLATES, _MODIFIED)
_ROWS = st.fixed_dictionaries(dict.fromkeys("xyz", _ROW))


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


# To find a smaller example would take minutes: each one walks the whole road.
@settings(max_examples=25, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, rows_of_case=_ROWS, bags=st.tuples(_SHAPES, _SHAPES, _SHAPES), listed=st.booleans(),
       ruled=st.booleans(), flagged=st.booleans())  # fmt: skip
def test_no_marker_reaches_a_receiver_that_no_row_names(
    place: Place, receiver: Receiver, rows: Any, rows_of_case: Any, bags: Any, listed: bool, ruled: bool, flagged: bool
) -> None:
    planter, number = Planter(), next(_numbers)
    place.load_only(Dumps(), DumpsMany(), DumpsItself())
    logic = {"condition": {"property": "event.event_properties.flag", "operator": "Is", "value": "yes"}}
    case = {"name": "C", "enabled": True, "logic": logic, "mapping": rows_of_case}
    name = f"E{number}"
    made = [
        place.destinations.add(one, f"{one} {number}", {"url": receiver.url}, events=[name] if listed else [],
                               mapping=rows, cases=[case], category="infrastructure", actor="cli").id
        for one in ("dumps", "dumps-many", "dumps-itself")
    ]  # fmt: skip
    if ruled:
        rule = Rule(name=f"R{number}", covers=tuple(made), logic={"NOT": logic})
        Governance(place.store).add(rule, actor="cli")
    event_bag = {"a": planter.tree("event.event_properties.a", bags[0]), "flag": "yes" if flagged else "no"}
    place.track(
        name,
        user_id=planter.text("event.user_id"),
        external_id=planter.text("event.external_id"),
        event_properties=event_bag | {"b": {"c": planter.tree("event.event_properties.b.c", bags[1])}},
        default_properties={"a": planter.tree("event.default_properties.a", bags[2])},
        user_properties={
            **{one: planter.text(f"visitor.{one}") for one in _NAMES},
            "email": f"{planter.text('visitor.email')}@{planter.text('visitor.email')}.example",
            "custom_properties": {one: planter.tree(f"visitor.custom_properties.{one}", bags[0]) for one in _KEYS},
            "consent": {"asked": planter.text("visitor.consent")},
        },
        identity_context={"ip": planter.text("event.request_context.ip"), "userAgent": planter.text("nowhere")},
    )
    before = len(receiver.requests)
    place.work()
    sent = b"".join(one.raw for one in receiver.requests[before:])
    leaves = listed and (flagged or not ruled)
    assert len(receiver.requests) - before == (3 if leaves else 0)
    acting = rows | rows_of_case if flagged else rows
    open_to = [one for row in acting.values() if row["modification"] not in _HIDE for one in _PATHS
               if f"{one}}}}}" in row["map"] or f"{one} ||" in row["map"]]  # fmt: skip
    strays = [planter.places[mark] for mark in planter.shown(sent) if not _is_named(planter.places[mark], open_to)]
    assert strays == []


def _is_named(place: str, paths: list[str]) -> bool:
    return any(place == path or place.startswith(f"{path}.") for path in paths)
