"""What waits for its turn to leave: whose turn it is, and what is let go for it waits too long."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ours.services.deliver import carrier
from ours.services.deliver.carrier import Carrier
from ours.services.deliver.tries import Parcel


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """``at.now`` is what time it is, in seconds."""
    moment = SimpleNamespace(now=0.0)
    monkeypatch.setattr(carrier, "monotonic", lambda: moment.now)
    return moment


@pytest.fixture
def some() -> Iterator[Carrier]:
    transport: Any = SimpleNamespace(close=lambda: None)
    made = Carrier(transport)
    yield made
    made.close()


def target(*, ahead: bool = True) -> Any:
    """One that has one request under way at a time."""
    return SimpleNamespace(id=1, most_requests=1, may_run_ahead=ahead)


def take(some: Carrier, place: Any, names: str) -> None:
    tries: list[Any] = [SimpleNamespace(id=name, target=place) for name in names]
    some.take([Parcel([one]) for one in tries])


def land(some: Carrier, place: Any, tag: str) -> str:
    """What is on its way instead."""
    some.land(tag)
    parcel = some.next_of(place)
    assert parcel
    some.begin(parcel)
    return parcel.tag


def stranded(some: Carrier) -> str:
    return "".join(one.id for one in some.stranded())


def test_while_others_land_what_was_taken_ahead_waits_on(some: Carrier, at: SimpleNamespace) -> None:
    place = target()
    take(some, place, "abcd")
    at.now = 0.2
    assert land(some, place, "a") == "b"
    at.now = 0.44
    assert stranded(some) == ""
    assert some.runs_ahead
    at.now = 0.46
    assert stranded(some) == "cd"
    assert not some.waits


def test_however_many_land_it_does_not_wait_for_more_than_a_second(some: Carrier, at: SimpleNamespace) -> None:
    place, flying = target(), "a"
    take(some, place, "abcdefghi")
    for _ in range(5):
        at.now += 0.2
        assert stranded(some) == ""
        flying = land(some, place, flying)
    at.now = 1.01
    assert stranded(some) == "ghi"


def test_what_comes_later_gives_what_waits_no_more_time(some: Carrier, at: SimpleNamespace) -> None:
    place = target()
    take(some, place, "ab")
    at.now = 0.2
    take(some, place, "c")
    at.now = 0.26
    assert stranded(some) == "bc"


def test_an_answer_to_none_of_ours_lands_nothing(some: Carrier) -> None:
    assert some.land("stranger") is None


def test_what_waits_anew_has_its_own_time(some: Carrier, at: SimpleNamespace) -> None:
    place = target()
    take(some, place, "ab")
    assert land(some, place, "a") == "b"
    at.now = 10.0
    take(some, place, "c")
    assert stranded(some) == ""


def test_what_was_not_taken_ahead_waits_as_long_as_it_takes(some: Carrier, at: SimpleNamespace) -> None:
    take(some, target(ahead=False), "ab")
    at.now = 60.0
    assert stranded(some) == ""
    assert some.waits
    assert not some.runs_ahead


def test_there_is_no_next_while_as_many_are_on_their_way_as_may_be(some: Carrier, at: SimpleNamespace) -> None:
    place = target()
    take(some, place, "ab")
    assert some.next_of(place) is None
    some.land("a")
    assert some.next_of(place)
    assert some.next_of(place) is None
    assert at.now == 0.0
