"""The latest tries of a destination that failed: found among whatever else there is, and cheaply."""

import re

import pytest
import sqlalchemy as sa

from ours import clock
from ours.core.retry import TROUBLED
from ours.plugin import Rejected, Retry
from ours.services.overview import Overview, masks
from ours.services.replay import Filter
from ours.store.queries import reading_trouble
from ours.store.tables import attempts, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.plans import SCANS, plans, statements
from tests.services.scripted import Scripted, scripted


def test_they_are_found_behind_what_was_held_and_never_tried(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_trouble, "_LATEST", 0)  # others were tried so often since that theirs are all there is
    hook = place.webhook(receiver)
    receiver.answer(500)
    for number in range(12):
        place.track(f"Tried {number}")
    place.work()
    for _ in range(60):
        place.track("Held")
    place.route.run()
    with place.store.write() as connection:
        held = {"state": "held", "reason": "breaker_open", "due_at": None}
        connection.execute(sa.update(dispatches).values(held))
    found = overview.failed_tries(hook)
    assert len(found) == 5
    assert all(re.match("Tried", one.event) for one in found)
    assert [one.attempt.started_at for one in found] == sorted((one.attempt.started_at for one in found), reverse=True)
    assert {(one.attempt.outcome, one.attempt.status, one.attempt.message) for one in found} == {
        ("retry", 500, "The destination answered 500.")
    }
    assert overview.failed_tries(hook + 1) == []


def test_the_latest_is_first_wherever_its_dispatch_stands(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_trouble, "_EACH_END", 1)
    hook = place.webhook(receiver)
    receiver.answer(422)
    for number in range(9):
        place.track(f"E{number}")
    place.work()
    with place.store.write() as connection:
        middle = connection.scalars(sa.select(dispatches.c.id).order_by(dispatches.c.id)).all()[4]
        later = {"started_at": clock.now_ms() + clock.MINUTE}
        connection.execute(sa.update(attempts).where(attempts.c.dispatch_id == middle).values(later))
    assert overview.failed_tries(hook)[0].dispatch_id == middle


def test_what_arrived_is_not_among_them(place: Place, overview: Overview, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.track("Fine")
    place.track("Fine", "test")
    place.work()
    assert overview.failed_tries(hook) == []


def test_whom_an_event_is_about_is_masked_in_what_the_try_says(
    place: Place, overview: Overview, receiver: Receiver
) -> None:
    hook = place.webhook(receiver)
    receiver.answer(422)
    place.track(user_properties={"email": "ada@example.com"})
    place.work()
    with place.store.write() as connection:
        row = connection.execute(sa.select(attempts)).one()
        mark = f"attempts:{row.dispatch_id}:{row.number}"
        kept = place.store.sealer.open_json(row.exchange, mark) | {"message": "ada@example.com is no customer"}
        connection.execute(sa.update(attempts).values(exchange=place.store.sealer.seal_json(kept, mark)))
    [found] = overview.failed_tries(hook)
    assert "ada@" not in found.attempt.message
    assert "is no customer" in found.attempt.message


def test_they_are_found_by_indexes_alone(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    with statements(place) as asked, place.store.read() as connection:
        reading_trouble.failed_tries(connection, 1, 5)
    found = plans(place, asked)
    assert len(found) == 1 + 2 * len(TROUBLED) + 1
    for plan in found:
        assert not SCANS.search(plan), plan
        assert not re.search(r"SCAN attempts$|Seq Scan on attempts", plan, re.M), plan
    assert "ix_attempts_started_at" in found[0]
    for plan in found[1:-1]:
        assert "ix_dispatches_trouble" in plan or not place.store.is_sqlite, plan
        assert "TEMP B-TREE" not in plan, plan


def test_however_many_a_plugin_had_words_for_as_many_questions_are_asked(place: Place, overview: Overview) -> None:
    hook = scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli").id
    asked = []
    for so_many in (1, 4):
        for number in range(so_many):
            Scripted.outcomes.append(Rejected("odd_plan", f"Plan {number} is odd."))
            place.track(user_id=f"u{so_many}{number}")
        place.work()
        with statements(place) as counted:
            said = {one.why.words for one in overview.trouble(Filter(states=frozenset(TROUBLED))).rows}
            tries = overview.failed_tries(hook)
        assert said == {one.attempt.message for one in tries} == {f"Plan {number} is odd." for number in range(so_many)}
        asked.append(len(counted))
    assert asked[0] == asked[1]


def test_of_many_tries_those_that_are_shown_are_opened_and_nothing_is_masked_that_is_not_shown(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli").id
    Scripted.outcomes.extend([Retry("busy", "Later.")] * 6 + [Rejected("odd_plan", "The plan is odd.")])
    place.track()
    place.work()
    for _ in range(6):
        with place.store.write() as connection:
            connection.execute(sa.update(dispatches).values(due_at=clock.now_ms()))
        place.work()
    opened, open_json = list[str](), place.store.sealer.open_json

    def noted(sealed: bytes, place_of_it: str) -> object:
        opened.append(place_of_it)
        return open_json(sealed, place_of_it)

    monkeypatch.setattr(place.store.sealer, "open_json", noted)
    monkeypatch.setattr(masks, "message", None)
    [row] = overview.trouble(Filter(states=frozenset(TROUBLED))).rows
    assert (row.attempts, row.why.words) == (7, "The plan is odd.")
    assert [one for one in opened if one.startswith("attempts:")] == [f"attempts:{row.id}:7"]
    opened.clear()
    tries = overview.failed_tries(hook, 3)
    assert [one.attempt.message for one in tries] == ["The plan is odd.", "Later.", "Later."]
    assert sorted(one for one in opened if one.startswith("attempts:")) == [
        f"attempts:{row.id}:{number}" for number in (5, 6, 7)
    ]
