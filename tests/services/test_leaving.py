"""Removing a destination that is still owed something: deliver it first, and lose nothing on the way."""

import threading
import time
from collections.abc import Sequence

import pytest

from ours.core import subjects
from ours.errors import Changed, Invalid
from ours.services.destinations import leaving
from ours.services.history import History
from ours.store import Store
from ours.store.queries import destinations as rows
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import deliver, die, route_all, scripted, sweep_of


def test_what_waits_is_delivered_and_then_it_is_removed(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.track()
    route_all(place)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    sweep_of(place).run()
    assert place.destinations.get(hook).leaving
    place.track()
    route_all(place)
    deliver(place)
    assert len(receiver.requests) == 1
    sweep_of(place).run()
    gone = place.destinations.get(hook)
    assert (gone.status, gone.leaving, gone.settings_shown) == ("removed", False, {})
    assert place.states() == {"delivered": 1}
    assert place.difference() == 0


def test_a_paused_backlog_is_resumed_for_it(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.destinations.pause(hook, actor="cli")
    place.track()
    place.track(mode="test")
    route_all(place)
    assert place.states() == {"held": 2}
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    deliver(place)
    sweep_of(place).run()
    assert place.states() == {"delivered": 1, "sunk": 1}
    assert place.destinations.get(hook).status == "removed"


def test_what_a_worker_has_in_hand_is_waited_for(place: Place) -> None:
    hook = scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli").id
    place.track()
    route_all(place)
    die(place)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    sweep_of(place).run()
    assert place.destinations.get(hook).status == "on"


def test_nothing_waiting_it_goes_at_the_next_sweep_and_one_that_is_off_too(place: Place, receiver: Receiver) -> None:
    hooks = [place.webhook(receiver, name) for name in ("On", "Off")]
    place.destinations.turn_off(hooks[1], actor="cli")
    for hook in hooks:
        place.destinations.remove(hook, actor="cli", deliver_first=True)
    sweep_of(place).run()
    assert [place.destinations.get(hook).status for hook in hooks] == ["removed", "removed"]


def test_events_given_to_it_again_take_it_back(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    place.destinations.update(hook, events=["*"], actor="cli")
    sweep_of(place).run()
    assert place.destinations.get(hook).status == "on"


def test_what_was_begun_before_does_not_take_it_back_unseen(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    seen = place.destinations.get(hook).version
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    with pytest.raises(Changed, match="cli changed this after you opened it"):
        place.destinations.update(hook, seen=seen, events=["*"], actor="cli")
    assert place.destinations.get(hook).leaving


def test_the_history_says_since_when_nothing_new_is_owed_to_it(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    newest = History(place.store, place.registry).show(subjects.destination(hook), 2)
    assert (newest.verb, newest.actor, newest.document["events"]) == ("remove", "cli", [])


def test_it_may_be_taken_back_up_to_the_moment_of_its_removal(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = place.webhook(receiver)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    found = leaving.drained

    def then_taken_back(store: Store) -> Sequence[int]:
        drained = found(store)
        place.destinations.update(hook, events=["*"], actor="cli")
        return drained

    monkeypatch.setattr(leaving, "drained", then_taken_back)
    place.destinations.remove_drained()
    kept = place.destinations.get(hook)
    assert (kept.status, kept.leaving, kept.settings_shown["url"]) == ("on", False, receiver.url)


def test_one_that_is_just_being_removed_is_not_resumed(place: Place, receiver: Receiver) -> None:
    hook, refused = place.webhook(receiver), list[Invalid]()
    place.destinations.pause(hook, actor="cli")

    def resume() -> None:
        try:
            place.destinations.resume(hook, actor="cli")
        except Invalid as error:
            refused.append(error)

    resuming = threading.Thread(target=resume)
    with place.store.write() as connection:
        rows.locked(connection, hook)
        rows.change(connection, hook, {"status": "removed"})
        resuming.start()
        time.sleep(0.2)
    resuming.join()
    assert place.destinations.get(hook).status == "removed"
    assert "was removed" in str(refused[0])
