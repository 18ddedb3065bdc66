"""The continuous check: what it finds is kept, it goes on where it was, and it takes back what is mended."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from ours.services import conservation, reconcile
from ours.services.conservation import Conservation
from ours.services.reconcile import Fault
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place


@pytest.fixture
def ids(place: Place, receiver: Receiver) -> list[str]:
    """Five routed events, each owed to one destination."""
    place.webhook(receiver)
    made = [place.track().event_id for _ in range(5)]
    place.route.run()
    return made


def lose(place: Place, event_id: str) -> None:
    with place.store.write() as connection:
        connection.execute(sa.delete(dispatches).where(dispatches.c.event_id == event_id))


def test_before_the_first_check_nothing_is_said(place: Place) -> None:
    watched = Conservation(place.store).watched()
    assert (watched.at, watched.whole_at, watched.events) == (None, None, 0)
    assert watched.sound


def test_what_is_sound_is_said_to_be(place: Place, ids: list[str]) -> None:
    Conservation(place.store).tick()
    watched = Conservation(place.store).watched()
    assert watched.sound
    assert watched.events == 5
    assert watched.at is not None
    assert watched.whole_at is not None


def test_an_empty_installation_can_be_walked(place: Place) -> None:
    check = Conservation(place.store)
    check.walk()
    assert check.watched().events == 0
    assert check.watched().whole_at is not None


def test_a_lost_pair_is_named_and_the_balance_is_off(place: Place, ids: list[str]) -> None:
    lose(place, ids[2])
    check = Conservation(place.store)
    check.tick()
    assert check.watched().difference == 1
    assert list(check.watched().faults) == [Fault(ids[2], 1, "missing")]
    assert not check.watched().sound


def test_the_walk_goes_on_slice_by_slice_whoever_does_it(
    place: Place, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_RANGE", 2)
    lose(place, ids[0])
    faults = []
    for _ in range(3):
        Conservation(place.store).walk()
        faults.append(len(Conservation(place.store).watched().faults))
    assert faults == [0, 0, 1]
    assert Conservation(place.store).watched().events == 5
    Conservation(place.store).walk()
    assert len(Conservation(place.store).watched().faults) == 1


def test_a_fault_is_shown_until_a_whole_walk_finds_it_no_more(
    place: Place, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_RANGE", 3)
    with place.store.read() as connection:
        row = connection.execute(sa.select(dispatches).where(dispatches.c.event_id == ids[4])).one()
    lose(place, ids[4])
    check = Conservation(place.store)
    shown = []
    for step in range(4):
        check.walk()
        shown.append(len(check.watched().faults))
        if step == 1:
            with place.store.write() as connection:
                connection.execute(sa.insert(dispatches).values(row._asdict()))
    assert shown == [1, 1, 1, 0]


@pytest.mark.parametrize(("took", "due"), [(0.0, 60.0), (2.0, 62.0), (5.0, 105.0)])
def test_a_check_that_takes_long_is_followed_by_a_rest_many_times_as_long(
    monkeypatch: pytest.MonkeyPatch, took: float, due: float
) -> None:
    monkeypatch.setattr(conservation, "time", SimpleNamespace(monotonic=iter([1_000.0, 1_000.0 + took]).__next__))
    assert conservation._timed(lambda: None, 60.0) == 1_000.0 + due


def test_it_rests_between_checks_and_only_one_process_does_it(place: Place, ids: list[str]) -> None:
    check = Conservation(place.store)
    with place.store.alone("conservation"):
        check.tick()
    assert check.watched().at is None
    check.tick()
    lose(place, ids[0])
    check.tick()
    assert check.watched().sound
