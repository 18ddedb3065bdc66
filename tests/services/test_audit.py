"""Every change has its entry, and stands or falls with it."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from ours import ids
from ours.clock import DAY
from ours.errors import Busy, Forbidden
from ours.services import audit
from ours.services.actors import Actor
from ours.services.audit import Audit, Filter
from ours.store import Store
from ours.store.queries import audit as queries
from ours.store.tables import audit as table
from ours.store.tables import dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.plans import SCANS, plans, statements

JANE = Actor("jane@example.com", "editor")


def _whose(place: Place, event_id: str) -> str:
    with place.store.read() as connection:
        found: str = connection.execute(sa.select(events.c.visitor_id).where(events.c.id == event_id)).scalar_one()
    return found


def test_entries_come_back_newest_first_and_page_by_the_last_one_seen(store: Store) -> None:
    with store.write() as connection:
        for number in range(5):
            audit.record(connection, JANE, "add", f"source {number}", {"name": f"Shop {number}"})
    first = Audit(store).list(limit=2)
    assert [entry.subject for entry in first] == ["source 4", "source 3"]
    assert (first[0].actor, first[0].verb, first[0].detail) == ("jane@example.com", "add", {"name": "Shop 4"})
    assert [entry.subject for entry in Audit(store).list(before=first[-1].id)] == ["source 2", "source 1", "source 0"]


def test_an_entry_falls_with_its_transaction(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            audit.record(connection, "cli", "add", "source 1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Audit(store).list() == []


def test_nothing_of_the_log_can_be_changed(store: Store) -> None:
    """Not by our code, which has no statement for it, and not by anybody else's: the database refuses."""
    with store.write() as connection:
        audit.record(connection, "cli", "add", "source 1")

    def forge() -> None:
        with store.write() as connection:
            connection.execute(sa.update(table).values(actor="somebody else"))

    with pytest.raises((Busy, sa.exc.DatabaseError), match="can only grow"):
        forge()
    assert Audit(store).list()[0].actor == "cli"


def test_only_retention_takes_entries_away() -> None:
    """Whoever touches the table is named here: one writes, one deletes what is too old."""
    folder = Path(queries.__file__).parent
    touching = {path.name for path in folder.glob("*.py") if re.search(r"import .*\baudit\b", path.read_text())}
    assert touching == {"audit.py", "retention.py"}
    assert not re.search(r"\b(update|delete)\(", (folder / "audit.py").read_text())


def test_reading_is_written_down_or_nothing_is_shown(store: Store) -> None:
    Audit(store).note_read("event 1", actor=JANE)
    with pytest.raises(Forbidden):
        Audit(store).note_read("event 1", actor=Actor("vic@example.com", "viewer"))
    assert [(entry.actor, entry.verb) for entry in Audit(store).list()] == [("jane@example.com", "read")]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [(Filter(), 3), (Filter(actor="jane"), 2), (Filter(verb="read"), 1), (Filter(subject="source 1"), 2),
     (Filter(actor="%"), 0), (Filter(actor="jane", verb="add", subject="source 1"), 1)],
)  # fmt: skip
def test_the_log_is_narrowed(store: Store, wanted: Filter, count: int) -> None:
    with store.write() as connection:
        audit.record(connection, JANE, "add", "source 1")
        audit.record(connection, JANE, "read", "source 1")
        audit.record(connection, "cli", "add", "source 2")
    assert len(Audit(store).list(wanted=wanted)) == count


def test_who_read_a_visitors_events_read_of_the_visitor(place: Place) -> None:
    """So does who read of them under a name that was merged into theirs since."""
    event_id, other = place.track(user_id="u1").event_id, place.track(user_id="u2").event_id
    earlier = place.track(user_id=None, user_properties={"email": "ada@example.com"}).event_id
    place.work()
    old = _whose(place, earlier)
    place.track(user_id="u1", user_properties={"email": "ada@example.com"})
    place.work()
    visitor = _whose(place, event_id)
    read = [f"visitor {old}", f"event {event_id}", f"event {earlier}", f"visitor {visitor}"]
    log = Audit(place.store)
    for subject in (*read, f"event {other}", "visitor x", "source 1"):
        log.note_read(subject, actor=JANE)
    assert [entry.subject for entry in log.list(wanted=Filter(subject=f"visitor {visitor}"))] == read[::-1]
    assert [entry.subject for entry in log.list(wanted=Filter(subject="visitor x"))] == ["visitor x"]


def test_who_looked_at_a_visitor_is_found_by_their_events_and_not_by_all_there_are(place: Place) -> None:
    with statements(place) as asked:
        Audit(place.store).list(wanted=Filter(subject="visitor " + "a" * 32))
    [plan] = plans(place, asked)
    assert not SCANS.search(plan), plan
    assert "ix_events_visitor_id" in plan
    assert "SubPlan" not in plan, plan  # which may be asked anew for each entry


def test_who_read_what_was_sent_of_an_event_read_of_the_event_and_of_its_visitor(
    place: Place, receiver: Receiver
) -> None:
    place.webhook(receiver)
    event_id = place.track().event_id
    place.track(user_id="u2")
    place.work()
    with place.store.read() as connection:
        sent = dict(connection.execute(sa.select(dispatches.c.event_id, dispatches.c.id)).all())
    log = Audit(place.store)
    for dispatch_id in sent.values():
        log.note_read(f"dispatch {dispatch_id}", actor=JANE)
    for subject in (f"event {event_id}", f"visitor {_whose(place, event_id)}"):
        found = log.list(wanted=Filter(verb="read", subject=subject))
        assert [entry.subject for entry in found] == [f"dispatch {sent[event_id]}"]


@pytest.mark.parametrize("verb", ["roll_back", "roll back"])
def test_a_verb_is_found_in_the_words_of_older_entries_too(store: Store, verb: str) -> None:
    with store.write() as connection:
        audit.record(connection, JANE, "roll_back", "destination 1")
        old = {"id": ids.floor(DAY), "at": DAY, "actor": "cli", "verb": "roll back", "subject": "destination 1"}
        queries.insert_entry(connection, old | {"detail": "{}"})
        audit.record(connection, JANE, "add", "destination 1")
    assert [entry.verb for entry in Audit(store).list(wanted=Filter(verb=verb))] == ["roll_back", "roll back"]


def test_the_log_is_narrowed_to_a_window_of_time(store: Store) -> None:
    entry = {"actor": "cli", "verb": "add", "detail": "{}"}
    with store.write() as connection:
        for day in range(1, 5):
            made = {"id": ids.floor(day * DAY), "at": day * DAY, "subject": f"source {day}"}
            queries.insert_entry(connection, entry | made)
    listed = Audit(store).list(wanted=Filter(since=2 * DAY, until=4 * DAY))
    assert [entry.subject for entry in listed] == ["source 3", "source 2"]
    assert len(Audit(store).list(wanted=Filter(since=-DAY))) == 4
    assert Audit(store).list(wanted=Filter(until=-DAY)) == []
