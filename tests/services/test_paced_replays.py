"""Replays that go on by themselves: each once, none skipped, from wherever they were, and no further when paused."""

from typing import Any

import pytest
import sqlalchemy as sa

from ours.services import audit
from ours.services.replay import Filter, PacedReplays, bulk, paced
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.test_replay import assert_sound, put, rejected, rows

REJECTED = Filter(states=frozenset({"rejected"}))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bulk, paced):
        monkeypatch.setattr(module, "CHUNK", 2)


@pytest.fixture
def replays(place: Place) -> PacedReplays:
    return PacedReplays(place.store, place.registry)


def repeated(place: Place) -> list[str]:
    return sorted(row.replay_of for row in rows(place) if row.replay_of)


def finish(replays: PacedReplays, most: int = 20) -> None:
    for _ in range(most):
        replays.tick()
        if replays.list()[0].state == "done":
            return
    pytest.fail("it does not come to an end")


def test_it_goes_slice_by_slice_whoever_does_it(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    for name in ("A", "B"):
        place.webhook(receiver, name)
    old = rejected(place, 3)
    assert len(old) == 6
    assert replays.start(REJECTED, actor="cli").matching == 6
    made = []
    for _ in range(3):
        PacedReplays(place.store, place.registry).tick()
        made.append(replays.list()[0].made)
    assert made == [2, 3, 5]
    finish(replays)
    assert repeated(place) == sorted(old)
    assert_sound(place)
    replays.tick()
    assert len(repeated(place)) == 6


def test_paused_it_makes_none_and_resumed_it_goes_on(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    place.webhook(receiver)
    old = rejected(place, 5)
    begun = replays.start(REJECTED, actor="cli")
    replays.tick()
    replays.turn(begun.id, "paused", actor="cli")
    replays.tick()
    assert len(repeated(place)) == 2
    replays.turn(begun.id, "running", actor="cli")
    finish(replays)
    assert repeated(place) == sorted(old)
    verbs = [entry.verb for entry in audit.Audit(place.store).list()]
    assert verbs[:3] == ["replay_running", "replay_paused", "replay"]


def test_cancelled_it_makes_no_more(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    place.webhook(receiver)
    rejected(place, 3)
    begun = replays.start(REJECTED, actor="cli")
    replays.tick()
    replays.turn(begun.id, "cancelled", actor="cli")
    replays.tick()
    assert len(repeated(place)) == 2
    assert_sound(place)


def test_a_limit_ends_it(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    place.webhook(receiver)
    rejected(place, 5)
    replays.start(REJECTED, actor="cli", limit=3)
    finish(replays)
    assert len(repeated(place)) == replays.list()[0].made == 3


def test_what_came_after_its_start_and_what_it_made_itself_is_left_alone(
    place: Place, receiver: Receiver, replays: PacedReplays
) -> None:
    place.webhook(receiver)
    old = rejected(place, 3)
    replays.start(REJECTED, actor="cli")
    rejected(place, 2)
    replays.tick()
    for row in rows(place):
        if row.replay_of:
            put(place, row.id, state="rejected", reason="http_400")
    finish(replays)
    assert repeated(place) == sorted(old)


def test_it_never_says_that_it_made_more_than_it_will(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    """What was still under way when it began may match by the time it comes to it."""
    place.webhook(receiver)
    first, second = rejected(place, 2)
    put(place, second, state="held", reason="destination_paused")
    begun = replays.start(REJECTED, actor="cli")
    assert (begun.matching, begun.goal) == (1, 1)
    put(place, second, state="rejected", reason="http_400")
    finish(replays)
    (done,) = replays.list()
    assert (done.made, done.goal, done.passed_over) == (2, 2, 0)
    assert repeated(place) == sorted([first, second])


def test_many_that_may_not_go_are_walked_past(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    barred, open_ = place.webhook(receiver, "Barred"), place.webhook(receiver, "Open")
    rejected(place, 30)
    place.destinations.update(barred, events=[], actor="cli")
    replays.start(REJECTED, actor="cli")
    finish(replays, 40)
    assert {row.destination_id for row in rows(place) if row.replay_of} == {open_}
    assert len(repeated(place)) == 30


def test_each_page_of_those_is_looked_through_in_a_transaction_of_its_own(
    place: Place, receiver: Receiver, replays: PacedReplays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stores an event waits for the transaction."""
    barred = place.webhook(receiver)
    rejected(place, 6)
    place.destinations.update(barred, events=[], actor="cli")
    replays.start(REJECTED, actor="cli")
    took: list[sa.Connection] = []
    take = bulk.Bulk.take

    def noted(self: bulk.Bulk, connection: sa.Connection, *given: Any, **more: Any) -> int:
        took.append(connection)
        return take(self, connection, *given, **more)

    monkeypatch.setattr(bulk.Bulk, "take", noted)
    replays.tick()
    assert len(took) == 3
    assert len(set(map(id, took))) == 3
    assert replays.list()[0].state == "done"
    assert repeated(place) == []


def test_test_events_go_to_the_sink_only(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    place.webhook(receiver)
    place.track(mode="test")
    place.work()
    replays.start(Filter(states=frozenset({"sunk"})), actor="cli")
    finish(replays)
    place.work()
    assert place.states() == {"sunk": 2}
    assert receiver.requests == []


def test_with_nothing_there_it_is_done_at_once(replays: PacedReplays) -> None:
    replays.start(REJECTED, actor="cli")
    finish(replays, 1)


def test_the_audit_says_what_was_sent_again_and_how(place: Place, receiver: Receiver, replays: PacedReplays) -> None:
    hook = place.webhook(receiver)
    rejected(place, 3)
    wanted = Filter(states=frozenset({"rejected"}), destination_id=hook, mode="live")
    replays.start(wanted, actor="cli", limit=2, fresh_id=True)
    assert audit.Audit(place.store).list()[0].detail == {
        "matching": 3, "limit": 2, "fresh_id": True, "destination_id": hook, "mode": "live", "states": ["rejected"],
    }  # fmt: skip


def test_two_of_the_same_make_each_once_and_say_what_the_other_made(
    place: Place, receiver: Receiver, replays: PacedReplays
) -> None:
    place.webhook(receiver)
    old = rejected(place, 6)
    for _ in range(2):
        replays.start(REJECTED, actor="cli")
    for _ in range(10):
        replays.tick()
    second, first = replays.list()
    assert {first.state, second.state} == {"done"}
    assert repeated(place) == sorted(old)
    assert first.made + second.made == 6
    assert (first.passed_over, second.passed_over) == (6 - first.made, 6 - second.made)
    assert second.passed_over > 0
