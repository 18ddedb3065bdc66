"""What was ambiguous is confirmed by a person, and nothing else is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from ours import clock
from ours.errors import Forbidden, Invalid, NotFound
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.replay import Confirming, Filter, Replay, bulk
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.test_replay import assert_sound, put, rejected, rows


@pytest.fixture
def confirming(place: Place) -> Confirming:
    return Confirming(place.store, place.registry)


@pytest.fixture
def ambiguous(place: Place, receiver: Receiver) -> Callable[..., list[str]]:
    place.webhook(receiver)

    def make(count: int = 1, updated_at: int = 0) -> list[str]:
        made = rejected(place, count)
        for one in made:
            put(place, one, state="held", reason="ambiguous", updated_at=updated_at or clock.now_ms())
        return made

    return make


def test_what_somebody_saw_at_the_destination_is_delivered_and_nothing_is_sent(
    place: Place, receiver: Receiver, confirming: Confirming, ambiguous: Callable[..., list[str]]
) -> None:
    (one,) = ambiguous()
    confirming.one(one, actor=Actor("ada@example.com", "editor"))
    place.work()
    (row,) = rows(place)
    assert (row.state, row.reason) == ("delivered", "confirmed")
    assert receiver.requests == []
    entry = Audit(place.store).list(1)[0]
    assert (entry.actor, entry.verb, entry.subject) == ("ada@example.com", "confirm", f"dispatch {one}")
    assert_sound(place)


@pytest.mark.parametrize(
    ("state", "reason"), [("rejected", "http_400"), ("held", "destination_paused"), ("delivered", None)]
)
def test_what_is_not_ambiguous_can_not_be_confirmed(
    place: Place,
    confirming: Confirming,
    ambiguous: Callable[..., list[str]],
    state: str,
    reason: str | None,
) -> None:
    (one,) = ambiguous()
    put(place, one, state=state, reason=reason)
    with pytest.raises(Invalid, match="not held as ambiguous"):
        confirming.one(one, actor="cli")
    assert (rows(place)[0].state, rows(place)[0].reason) == (state, reason)
    assert confirming.many(Filter(), seen=clock.now_ms(), actor="cli") == 0


def test_what_is_not_there_and_who_may_not_are_told_so(
    confirming: Confirming, ambiguous: Callable[..., list[str]]
) -> None:
    (one,) = ambiguous()
    for unknown in ("nope", "f" * 32):
        with pytest.raises(NotFound):
            confirming.one(unknown, actor="cli")
    for verb in (mock.call.one(one), mock.call.many(Filter(), seen=0)):
        with pytest.raises(Forbidden):
            getattr(confirming, verb[0])(*verb.args, **verb.kwargs, actor=Actor("v@example.com", "viewer"))


def test_many_are_confirmed_in_chunks_and_only_those_that_were_looked_for(
    place: Place, confirming: Confirming, ambiguous: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    seen = clock.now_ms() + 1_000
    known, unseen = ambiguous(5, updated_at=seen), ambiguous(1, updated_at=seen + 1)
    elsewhere = rejected(place, 1)
    wanted = Filter(destination_id=1)
    assert confirming.count(wanted) == 6
    assert confirming.count(Filter(destination_id=2)) == 0
    assert confirming.count(Filter(states=frozenset({"rejected"}))) == 0
    assert confirming.many(wanted, seen=seen, actor="cli") == 5
    states = {row.id: row.state for row in rows(place)}
    assert {states[one] for one in known} == {"delivered"}
    assert [states[one] for one in unseen + elsewhere] == ["held", "rejected"]
    told = [entry for entry in Audit(place.store).list(20) if entry.verb == "confirm"]
    assert [entry.detail["matching"] for entry in told] == [6]
    assert_sound(place)


def test_two_who_confirm_and_replay_at_once_do_one_of_the_two(
    place: Place, confirming: Confirming, ambiguous: Callable[..., list[str]]
) -> None:
    ids = ambiguous(20)
    replay = Replay(place.store, place.registry)
    wanted = Filter(states=frozenset({"held"}), reason="ambiguous")
    with ThreadPoolExecutor(2) as both:
        confirmed = both.submit(confirming.many, wanted, seen=clock.now_ms(), actor="cli")
        replayed = both.submit(replay.many, wanted, actor="cli")
    assert confirmed.result() + replayed.result() == 20
    ended = {row.id: row.state for row in rows(place)}
    assert {ended[one] for one in ids} <= {"delivered", "stopped"}
    assert_sound(place)
