"""Where a destination declares it: a visitor's events arrive in order, and what is too old does not arrive at all."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.plugin import Rejected, Retry, Unknown
from ours.services.deliver import Deliver
from ours.store.tables import dispatches
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of


@pytest.fixture
def ordered(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(Scripted, "ordered", True)
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    return place


def fill(place: Place, *visitors: str) -> list[str]:
    """One event for each; the ids of their dispatches, in order."""
    for visitor in visitors:
        place.track(user_id=visitor)
    route_all(place)
    with place.store.read() as connection:
        return list(connection.scalars(sa.select(dispatches.c.id).order_by(dispatches.c.id)))


def test_the_next_waits_until_the_one_before_has_ended_and_other_visitors_do_not(ordered: Place) -> None:
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        Scripted.outcomes.append(Retry("http_503", after=60))
        first, second, other, third = fill(ordered, "anna", "anna", "berta", "anna")
        deliver(ordered)
        assert Scripted.sent == [first, other]
        traveller.shift(59)
        deliver(ordered)
        assert len(Scripted.sent) == 2
        traveller.shift(1)
        deliver(ordered)
    assert Scripted.sent == [first, other, first, second, third]
    assert ordered.states() == {"delivered": 4}


def test_what_one_worker_has_in_hand_the_other_does_not_overtake(ordered: Place) -> None:
    fill(ordered, "anna", "anna")
    die(ordered)
    assert ordered.states() == {"sending": 1, "pending": 1}
    deliver(ordered)
    assert ordered.states() == {"sending": 1, "pending": 1}
    assert Scripted.sent == []


@pytest.mark.parametrize("outcome", [Rejected("http_400"), Unknown("timeout")])
def test_what_was_refused_or_may_have_arrived_holds_up_nobody(ordered: Place, outcome: Any) -> None:
    Scripted.outcomes.append(outcome)
    ids = fill(ordered, "anna", "anna")
    deliver(ordered)
    assert Scripted.sent == ids


def test_two_workers_keep_the_order(ordered: Place) -> None:
    ids = fill(ordered, *["anna", "berta", "carla"] * 12)
    other = Deliver(ordered.store, ordered.registry, ordered.settings)
    workers = [threading.Thread(target=one.drain, args=(threading.Event(), 20)) for one in (ordered.deliver, other)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    other.close()
    deliver(ordered)
    for visitor in range(3):
        of_it = ids[visitor::3]
        assert [one for one in Scripted.sent if one in of_it] == of_it


def test_unordered_destinations_have_no_lanes(place: Place) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    fill(place, "anna", "anna")
    with place.store.read() as connection:
        assert set(connection.scalars(sa.select(dispatches.c.lane))) == {None}


def without_the_plugin(place: Place, *visitors: str) -> list[str]:
    """As where its file was gone for a while: these are routed, and held; then it is back, and they go on."""
    place.load_only()
    ids = fill(place, *visitors)
    assert place.states() == {"held": len(visitors)}
    place.load_only(Scripted())
    sweep_of(place).run()
    return ids


def test_what_came_while_the_plugin_was_missing_arrives_in_order(ordered: Place) -> None:
    Scripted.outcomes.append(Retry("http_503", after=60))
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        first, second = without_the_plugin(ordered, "anna", "anna")
        deliver(ordered)
        assert Scripted.sent == [first]
        traveller.shift(60)
        deliver(ordered)
    assert Scripted.sent == [first, first, second]


def test_where_order_does_not_matter_what_came_meanwhile_waits_for_nothing(place: Place) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    Scripted.outcomes.append(Retry("http_503", after=60))
    ids = without_the_plugin(place, "anna", "anna")
    deliver(place, 1)
    assert Scripted.sent == ids


@pytest.mark.parametrize(("mode", "age", "state"), [("live", 61, "stopped"), ("test", 61, "stopped"),
                                                    ("live", 59, "delivered"), ("test", 59, "sunk")])  # fmt: skip
def test_what_is_too_old_is_stopped_before_the_plugin_is_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch, mode: str, age: int, state: str
) -> None:
    monkeypatch.setattr(Scripted, "max_age", 60.0)
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    with time_machine.travel(clock.now_ms() / 1000, tick=False):
        place.track(mode=mode, occurred_at=clock.now_ms() - age * 1000)
        place.work()
    with place.store.read() as connection:
        (row,) = connection.execute(sa.select(dispatches)).all()
    assert row.state == state
    assert (row.reason == "too_old") == (state == "stopped")
