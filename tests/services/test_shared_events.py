"""An event may name two people. When either is forgotten, nothing of them stays in it, nor in what the other keeps."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock, ids
from ours.errors import Busy
from ours.services.overview import Overview
from ours.services.visitors import Visitors, forgetting, sharing
from ours.services.visitors.forgetting import Forgetting
from ours.store import tables
from ours.store.queries import moments
from ours.store.queries import visitors as queries
from ours.store.queries.moments import now as of_the_database
from ours.store.tables import attempts, events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.plans import SCANS, SORTS, plans, statements

EMAIL = "jane@canary.example"
SHA256 = hashlib.sha256(EMAIL.encode()).hexdigest()
PHONE = "+1 555 010 0199"
JANE: dict[str, Any] = {
    "user_id": "jane", "external_id": "jane-1", "email_sha256": SHA256, "user_properties": {"phone_number": PHONE},
}  # fmt: skip
JOE: dict[str, Any] = {"user_id": "joe", "external_id": "joe-1", "user_properties": {"first_name": "Joe"}}
SHARED: list[dict[str, Any]] = [
    {"user_id": "joe", "email_sha256": SHA256},
    {"user_id": "joe", "external_id": "jane-1"},
    {"user_id": None, "external_id": "joe-1", "user_properties": {"email": EMAIL}},
    {"user_id": None, "external_id": "joe-1", "user_properties": {"phone_number": "0015550100199"}},
    {"user_id": None, "external_id": "joe-1", "user_properties": {"external_id": "jane-1"}},
    {"external_id": "joe-2", "user_id": "joe", "email_sha256": "0" * 64, "user_properties": {"email": EMAIL}},
    {"user_id": "joe", "email_sha256": "0" * 64, "user_properties": {"email": EMAIL}},
]  # fmt: skip


@pytest.fixture
def visitors(place: Place) -> Visitors:
    return Visitors(place.store, place.route, place.settings.home)


def the_one(visitors: Visitors, text: str) -> str:
    (found,) = visitors.find(text, "userId", actor="cli")
    return found.id


def carried(place: Place, event_id: str) -> tuple[str | None, str | None, dict[str, Any]]:
    """Whose it is, what is noted of it, and what it carries."""
    with place.store.read() as connection:
        row = connection.execute(sa.select(events).where(events.c.id == event_id)).one()
    return row.visitor_id, row.notes, place.store.sealer.open_json(row.payload, f"events:{event_id}")


def known(place: Place, visitor_id: str) -> dict[str, Any]:
    with place.store.read() as connection:
        (row,) = queries.by_id(connection, [visitor_id])
    found: dict[str, Any] = place.store.sealer.open_json(row.profile, f"visitors:{visitor_id}")
    return found


def both_in_one(place: Place, receiver: Receiver, shared: dict[str, Any]) -> str:
    place.webhook(receiver)
    place.track(**JANE)
    place.track(**JOE)
    place.work()
    event_id = place.track("Shared", **shared).event_id
    place.work()
    return event_id


@pytest.mark.parametrize("shared", SHARED)
def test_who_is_named_in_anothers_event_is_forgotten_with_it(
    place: Place, visitors: Visitors, receiver: Receiver, shared: dict[str, Any]
) -> None:
    event_id = both_in_one(place, receiver, shared)
    joe = the_one(visitors, "joe")
    assert carried(place, event_id)[0] == joe
    receipt = visitors.forget(the_one(visitors, "jane"), actor="cli")
    assert carried(place, event_id) == (None, "visitor_forgotten", {})
    assert (receipt.events, receipt.attempts, [one.delivered for one in receipt.destinations]) == (2, 2, [2])
    assert known(place, joe)["properties"] == {"first_name": "Joe"}
    with place.store.read() as connection:
        left = connection.scalars(sa.select(events.c.visitor_id).where(events.c.forgotten_at.is_(None))).all()
        assert left == [joe]
        assert connection.scalar(sa.select(sa.func.count()).select_from(attempts)) == 1
    assert Overview(place.store, place.registry).balance().difference == 0


@pytest.mark.parametrize("shared", SHARED)
def test_who_owns_it_is_forgotten_with_it_too(
    place: Place, visitors: Visitors, receiver: Receiver, shared: dict[str, Any]
) -> None:
    event_id = both_in_one(place, receiver, shared)
    assert visitors.forget(the_one(visitors, "joe"), actor="cli").events == 2
    assert carried(place, event_id) == (None, "visitor_forgotten", {})
    assert visitors.forget(the_one(visitors, "jane"), actor="cli").events == 1


def test_what_names_somebody_else_or_stands_in_the_other_mode_stays(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    place.track("Ann", user_id="ann", external_id="ann-1", email_sha256="a" * 64)
    for mode in ("live", "test"):
        place.track(mode=mode, **JANE)
        place.track(mode=mode, **JOE)
    place.work()
    kept = [
        place.track("Shared", user_id="joe", email_sha256="a" * 64).event_id,
        place.track("Shared", mode="test", user_id="joe", email_sha256=SHA256).event_id,
    ]
    place.work()
    (jane,) = (one.id for one in visitors.find("jane", "userId", actor="cli") if one.mode == "live")
    assert visitors.forget(jane, actor="cli").events == 1
    assert all(carried(place, event_id)[2] for event_id in kept)


def before_the_router_stands_still(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    still = Forgetting._router_still

    @contextmanager
    def entered(forgetting: Forgetting) -> Iterator[None]:
        do()
        with still(forgetting):
            yield

    monkeypatch.setattr(Forgetting, "_router_still", entered)


def test_they_are_looked_through_before_the_router_stands_still(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be a million, and whatever comes waits for that."""
    both_in_one(place, receiver, SHARED[0])
    done: list[str] = []
    look = sharing.facts_of
    monkeypatch.setattr(sharing, "_SLACK", -1)
    monkeypatch.setattr(sharing, "facts_of", lambda row, sealer: done.append("looked") or look(row, sealer))
    before_the_router_stands_still(monkeypatch, lambda: done.append("still"))
    assert visitors.forget(the_one(visitors, "jane"), actor="cli").events == 2
    assert done == ["looked", "still"]


@pytest.mark.parametrize("said", [{"user_id": "joe"}, {"user_id": "jane"}])
@pytest.mark.parametrize("ahead", [0, 3600])
def test_what_is_routed_meanwhile_is_found_too(
    place: Place,
    visitors: Visitors,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    ahead: int,
) -> None:
    """An event of another that names them; or one of theirs by which another's of before does.

    ``ahead``: by so many seconds is the clock where they are forgotten, and not the database's.
    """
    monkeypatch.setattr(moments, "now", of_the_database)
    other = "jane@second.example"
    second = {"email_sha256": "0" * 64, "user_properties": {"email": other}}
    before = both_in_one(place, receiver, {"user_id": "joe"} | second)
    told = {"email_sha256": SHA256} if said["user_id"] == "joe" else {"user_properties": {"email": other}}
    made: list[str] = []
    before_the_router_stands_still(monkeypatch, lambda: made.append(place.track("Late", **said, **told).event_id))
    with time_machine.travel(clock.now_ms() / 1000 + ahead):
        visitors.forget(the_one(visitors, "jane"), actor="cli")
    assert carried(place, made[0])[0] is None
    assert (carried(place, before)[0] is None) == (said["user_id"] == "jane")


def test_what_cant_be_opened_holds_up_no_forgetting_and_stays(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    """A seal that is broken, of an event and of a profile."""
    event_id = both_in_one(place, receiver, SHARED[0])
    place.track("Broken", user_id="ann", external_id="ann-1")
    place.work()
    broken = place.track("Broken", user_id="ann", email_sha256=SHA256).event_id
    other = place.track("Whole", user_id="ann", email_sha256=SHA256).event_id
    place.work()
    ann = the_one(visitors, "ann")
    with place.store.write() as connection:
        connection.execute(sa.update(events).where(events.c.id == broken).values(payload=b"broken"))
        connection.execute(sa.update(tables.visitors).where(tables.visitors.c.id == ann).values(profile=b"broken"))
    assert visitors.forget(the_one(visitors, "jane"), actor="cli").events == 3
    assert carried(place, event_id)[0] is carried(place, other)[0] is None
    with place.store.read() as connection:
        assert connection.scalar(sa.select(events.c.visitor_id).where(events.c.id == broken)) == ann


def test_what_is_the_others_own_stays_in_their_profile(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    place.track(**JANE)
    place.track(**JOE)
    place.work()
    own = {"phone_number": "+1 555 010 0777", "email": EMAIL}
    place.track("Shared", user_id="joe", email_sha256=SHA256, user_properties=own)
    place.work()
    visitors.forget(the_one(visitors, "jane"), actor="cli")
    kept = known(place, the_one(visitors, "joe"))["properties"]
    assert kept == {"first_name": "Joe", "phone_number": own["phone_number"]}


def test_a_forgetting_that_had_to_be_done_twice_tells_of_them_in_the_end(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = both_in_one(place, receiver, SHARED[0])
    jane = the_one(visitors, "jane")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(forgetting.queries, "remove", losing)
        with pytest.raises(Busy):
            visitors.forget(jane, actor="cli")
    assert carried(place, event_id) == (None, "visitor_forgotten", {})
    receipt = visitors.forget(jane, actor="cli")
    assert (receipt.events, [one.delivered for one in receipt.destinations]) == (2, [2])


def losing(*_: Any) -> int:
    raise Busy("The database went away.")


def many_of_one(place: Place) -> None:
    """While there are few, PostgreSQL takes the one index as soon as the other."""
    with place.store.write() as connection:
        [row, *_] = connection.execute(sa.select(events).where(events.c.notes.is_(None))).mappings()
        connection.execute(sa.insert(events), [{**row, "id": ids.new_id()} for _ in range(500)])
        connection.exec_driver_sql("ANALYZE")


def test_only_events_that_name_two_are_looked_through(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    both_in_one(place, receiver, SHARED[0])
    many_of_one(place)
    jane = the_one(visitors, "jane")
    with statements(place) as asked:
        visitors.forget(jane, actor="cli")
    shared = [one for one in asked if "identifier_conflict" in one[0] and "SELECT" in one[0]]
    assert shared
    for plan in plans(place, shared):
        assert "ix_events_shared" in plan
        assert not SCANS.search(plan)
        assert not SORTS.search(plan)
