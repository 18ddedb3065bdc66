"""What is made all at once is what the classes make."""

from dataclasses import FrozenInstanceError, fields
from types import SimpleNamespace
from typing import Any

import pytest

from ours.core.frozen import event_with, filled
from ours.plugin import Delivery, Event, Visitor
from ours.services.deliver import tries
from ours.services.opening import visitor_of

EVENT: dict[str, Any] = {
    "id": "1", "name": "Purchase", "distinct_id": "d", "occurred_at": 1, "received_at": 2, "user_id": "u",
    "external_id": "e", "email_sha256": "m", "event_properties": {"a": 1}, "user_properties": {"b": 2},
    "default_properties": {"c": 3}, "identity_context": {"d": 4},
}  # fmt: skip
VISITOR: dict[str, Any] = {"id": "1", "external_id": "e", "email_sha256": "m", "properties": {"a": 1}}
DELIVERY: dict[str, Any] = {
    "id": "1", "event": Event(**EVENT), "fields": {"a": 1}, "settings": {"b": 2}, "attempt": 3, "now": 4, "token": None,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), [(Event, EVENT), (Visitor, VISITOR), (Delivery, DELIVERY)])
def test_a_value_made_all_at_once_is_as_any(kind: Any, values: dict[str, Any]) -> None:
    assert set(values) == {field.name for field in fields(kind)}
    made = filled(kind, **values)
    assert made == kind(**values)
    assert repr(made) == repr(kind(**values))
    with pytest.raises(FrozenInstanceError):
        made.id = "2"
    with pytest.raises(FrozenInstanceError):
        made.another = 1


def test_an_event_has_what_it_was_given_and_nothing_else() -> None:
    must = {name: EVENT[name] for name in ("id", "name", "distinct_id", "occurred_at", "received_at")}
    assert event_with("1", "Purchase", "d", 1, 2, {}) == Event(**must)
    assert event_with("1", "Purchase", "d", 1, 2, {"user_id": "u"}) == Event(**must, user_id="u")
    more = {name: value for name, value in EVENT.items() if name not in must}
    assert event_with("1", "Purchase", "d", 1, 2, more) == Event(**EVENT)


def test_no_two_events_share_what_is_empty() -> None:
    one, two = (event_with("1", "Purchase", "d", 1, 2, {}) for _ in range(2))
    bags = [bag for event in (one, two) for bag in vars(event).values() if bag == {}]
    assert len({id(bag) for bag in bags}) == len(bags) == 8


def test_where_they_are_made_no_field_is_left_out() -> None:
    letter = SimpleNamespace(claimed=SimpleNamespace(delivery_id="1"))
    released = SimpleNamespace(event=Event(**EVENT), fields={})
    target = SimpleNamespace(settings={})
    one: Any = SimpleNamespace(letter=letter, released=released, target=target, number=1, started_at=2, token=None)
    for made in (tries._delivery(one), visitor_of({})):
        assert set(vars(made)) == {field.name for field in fields(made)}
