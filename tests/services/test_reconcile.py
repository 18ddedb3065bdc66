"""The conservation check names what is missing and what stands twice, and nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from ours.services import reconcile
from ours.services.reconcile import Fault, Reconcile
from ours.store import Store
from ours.store.queries import snapshot
from ours.store.tables import audit, destinations, dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place


@pytest.fixture
def ids(place: Place, receiver: Receiver) -> list[str]:
    """Three events, each owed to A and B and refused by C."""
    place.webhook(receiver, "A")
    place.webhook(receiver, "B")
    place.webhook(receiver, "C", events=["Lead"])
    made = [place.track().event_id for _ in range(3)]
    place.route.run()
    return made


def delete(place: Place, event_id: str, *destinations: int) -> None:
    with place.store.write() as connection:
        some = dispatches.c.destination_id.in_(destinations) & (dispatches.c.event_id == event_id)
        assert connection.execute(sa.delete(dispatches).where(some)).rowcount == len(destinations)


def change(place: Place, event_id: str, **values: Any) -> None:
    with place.store.write() as connection:
        connection.execute(sa.update(events).where(events.c.id == event_id).values(values))


def check(place: Place, limit: int | None = None) -> Sequence[Fault]:
    return Reconcile(place.store).check(limit)


def test_what_is_sound_has_no_fault_nor_has_what_is_not_routed_yet(place: Place, ids: list[str]) -> None:
    place.identify(user_id="u1")
    place.route.run()
    place.track()
    assert check(place) == []
    place.route.run()
    assert check(place) == []


def test_an_empty_installation_has_no_fault(place: Place) -> None:
    assert check(place) == []


def test_a_lost_dispatch_is_named(place: Place, receiver: Receiver, ids: list[str]) -> None:
    place.webhook(receiver, "Younger")
    delete(place, ids[1], 2)
    assert check(place) == [Fault(ids[1], 2, "missing")]


def test_all_lost_dispatches_are_named(place: Place, ids: list[str]) -> None:
    delete(place, ids[0], 1, 2)
    delete(place, ids[2], 1)
    assert check(place) == [
        Fault(ids[2], 1, "missing"), Fault(ids[0], 1, "missing"), Fault(ids[0], 2, "missing"),
    ]  # fmt: skip


def test_a_destination_that_was_removed_before_is_not_blamed(place: Place, ids: list[str]) -> None:
    place.destinations.remove(1, actor="cli")
    with place.store.read() as connection:
        routed = connection.scalar(sa.select(sa.func.max(events.c.routed_at)))
    event_id = place.track().event_id
    place.route.run()
    assert routed is not None
    delete(place, event_id, 2)
    assert check(place) == [Fault(event_id, 2, "missing")]


def test_a_destination_that_was_removed_after_is_still_owed(place: Place, ids: list[str]) -> None:
    delete(place, ids[1], 2)
    place.destinations.remove(2, actor="cli")
    with place.store.write() as connection:
        connection.execute(sa.update(destinations).values(updated_at=destinations.c.updated_at + 1_000))
    assert check(place) == [Fault(ids[1], 2, "missing")]


def test_a_pair_that_stands_twice_is_named_even_where_another_is_missing(place: Place, ids: list[str]) -> None:
    change(place, ids[0], refused="2-3")
    assert check(place) == [Fault(ids[0], 2, "twice")]
    delete(place, ids[0], 1)
    assert check(place) == [Fault(ids[0], 2, "twice"), Fault(ids[0], 1, "missing")]


def test_a_decision_beyond_what_is_owed_shows_without_a_name(place: Place, ids: list[str]) -> None:
    change(place, ids[0], owed=2)
    assert check(place) == [Fault(ids[0], None, "twice")]


def test_where_it_can_not_be_said_which_is_missing_the_event_is_named(
    place: Place, receiver: Receiver, ids: list[str]
) -> None:
    change(place, ids[0], owed=4)
    assert check(place) == [Fault(ids[0], None, "missing")]


def test_it_looks_at_the_newest_and_range_by_range(
    place: Place, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delete(place, ids[0], 1)
    for size in (1, 2, 3, 5):
        monkeypatch.setattr(reconcile, "_RANGE", size)
        assert [len(check(place, limit)) for limit in (1, 2, 3, None)] == [0, 0, 1, 1]


def test_a_snapshot_sees_one_moment(store: Store) -> None:
    count = sa.select(sa.func.count()).select_from(audit)
    with store.read() as connection:
        snapshot.take(connection)
        assert connection.scalar(count) == 0
        with store.write() as other:
            entry = {"id": "a" * 32, "at": 1, "actor": "cli", "verb": "add", "subject": "x", "detail": "{}"}
            other.execute(sa.insert(audit).values(entry))
        assert connection.scalar(count) == 0
    with store.read() as connection:
        assert connection.scalar(count) == 1
