"""How fast things go, and a count that does not grow dear."""

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ours import clock
from ours.services.conservation import Conservation
from ours.services.overview import Overview
from ours.store.tables import attempts, dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place


def test_half_and_all_but_a_twentieth_of_the_last_hours_live_tries(
    place: Place, overview: Overview, receiver: Receiver
) -> None:
    hook = place.webhook(receiver)
    for number in range(20):
        place.track("Purchase", "test" if number == 19 else "live")
    place.work()
    with place.store.write() as connection:
        live = sa.select(dispatches.c.id).where(dispatches.c.mode == "live").order_by(dispatches.c.id)
        tried = connection.scalars(live).all()
        for number, dispatch_id in enumerate(tried):
            changes = {"duration_ms": number * 10}
            connection.execute(sa.update(attempts).where(attempts.c.dispatch_id == dispatch_id).values(changes))
        long_ago = {"started_at": clock.now_ms() - 2 * clock.HOUR, "duration_ms": 99_000}
        connection.execute(sa.update(attempts).where(attempts.c.dispatch_id == tried[0]).values(long_ago))
    found = overview.pace().tries[hook]
    assert (found.p50, found.p95) == (90, 180)


def test_what_waits_says_how_long_it_has(place: Place, overview: Overview, receiver: Receiver) -> None:
    place.webhook(receiver)
    assert (overview.pace().unrouted_ms, overview.pace().due_ms) == (None, None)
    place.track()
    with place.store.write() as connection:
        connection.execute(sa.update(events).values(received_at=clock.now_ms() - 60_000))
    assert 60_000 <= (overview.pace().unrouted_ms or 0) < 90_000
    place.route.run()
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(due_at=clock.now_ms() - 5_000))
    pace = overview.pace()
    assert pace.unrouted_ms is None
    assert 5_000 <= (pace.due_ms or 0) < 35_000
    place.work()
    assert overview.pace().due_ms is None


def test_what_is_due_later_does_not_wait_yet(place: Place, overview: Overview, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track()
    place.route.run()
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(due_at=clock.now_ms() + clock.HOUR))
    assert overview.pace().due_ms is None


def test_a_dear_count_is_made_again_only_after_a_while(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.overview.service._DEAR", -1.0)
    monkeypatch.setattr("ours.services.overview.service._SHARE", 1e9)
    first = overview.lately()
    place.track()
    assert overview.lately() is first
    monkeypatch.setattr(overview, "_struck_until", 0.0)
    assert overview.lately() is first  # whoever asks does not wait: it is counted beside
    assert _until(lambda: overview.lately().balance.accepted == 1)


def test_whoever_asks_first_sees_what_the_scheduler_counted(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.overview.service._DEAR", -1.0)
    hook = place.webhook(receiver)
    place.track()
    place.work()
    before = clock.now_ms()
    Conservation(place.store).strike()
    now = overview.standing()
    place.track()
    first = overview.lately()
    assert (first.balance, first.health) == (now.balance, now.health)
    assert before <= first.at <= now.at
    assert (first.health[hook].delivered, first.health[99].listed) == (1, [])
    assert _until(lambda: overview.lately().balance.accepted == 2)


def test_what_was_cheap_to_count_is_not_taken_from_the_scheduler(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.overview.service._DEAR", 60.0)
    Conservation(place.store).strike()
    place.track()
    assert overview.lately().balance.accepted == 1


def _until(done: Callable[[], bool]) -> bool:
    limit = time.monotonic() + 5
    while not done() and time.monotonic() < limit:
        time.sleep(0.01)
    return done()


def test_a_cheap_count_is_made_each_time(place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.services.overview.service._DEAR", 60.0)
    for accepted in range(3):
        assert overview.lately().balance.accepted == accepted
        place.track()
