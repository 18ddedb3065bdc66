"""A full disk, a read-only database, a database that is away, a clock that is set: waited for, never lost."""

import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.core.breaker import Breaker
from ours.errors import Busy
from ours.plugin import Retry
from ours.services.deliver import Deliver, drain, letters
from ours.services.destinations import backlog
from ours.services.retention import Retention
from ours.services.sweep import Sweep
from ours.settings import Settings
from ours.store import Store, migrate
from ours.store.queries import destinations, moments
from ours.store.queries.moments import now as of_the_database
from ours.store.tables import attempts, dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.conftest import place as make_place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of

HOUR = 3600


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """Every connection refuses writes, as a file system gone read-only or a standby server would have it."""
    word = "query_only = {}" if store.is_sqlite else "default_transaction_read_only = {}"
    verb = "PRAGMA" if store.is_sqlite else "SET"

    def say(connection: sa.engine.interfaces.DBAPIConnection, value: str) -> None:
        cursor = connection.cursor()
        cursor.execute(f"{verb} {word.format(value)}")
        cursor.close()
        if not store.is_sqlite:
            connection.commit()

    def close(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        say(connection, "on")

    def open_(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        say(connection, "off")

    sa.event.listen(store.engine, "checkout", close)
    yield
    sa.event.remove(store.engine, "checkout", close)
    sa.event.listen(store.engine, "checkout", open_)


@contextmanager
def full(store: Store) -> Iterator[None]:
    """The database may not grow by one page, as on a full disk."""

    def fill(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]

    def empty(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 4294967294")  # type: ignore[attr-defined]

    sa.event.listen(store.engine, "checkout", fill)
    yield
    sa.event.remove(store.engine, "checkout", fill)
    sa.event.listen(store.engine, "checkout", empty)


def stored(place: Place) -> int:
    with place.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0


def assert_all_is_delivered(place: Place, receiver: Receiver, count: int) -> None:
    deliver(place)
    assert place.states() == {"delivered": count}
    assert len({one.headers["webhook-id"] for one in receiver.requests}) == count
    assert place.difference() == 0


def test_a_read_only_database_refuses_and_the_stations_wait(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track()
    with read_only(place.store):
        with pytest.raises(Busy):
            place.track()
        with pytest.raises(Busy):
            place.route.run()
        with pytest.raises(Busy):
            Retention(place.store, place.settings).run()
    assert stored(place) == 1
    route_all(place)
    with read_only(place.store), pytest.raises(Busy):
        deliver(place)
    assert receiver.requests == []
    assert_all_is_delivered(place, receiver, 1)


def test_an_answer_that_can_not_be_written_down_is_kept_until_it_can(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track()
    route_all(place)
    receiver.answer(delay=1.5)
    with pytest.raises(Busy), ReadOnlyOnceSent(place, receiver):
        deliver(place)
    assert place.deliver.in_flight == 1
    assert place.states() == {"sending": 1}
    assert_all_is_delivered(place, receiver, 1)
    assert len(receiver.requests) == 1


def test_what_can_not_be_read_is_not_claimed(place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    place.webhook(receiver)
    place.track()
    route_all(place)
    with monkeypatch.context() as patched:
        patched.setattr(letters, "find", Mock(side_effect=Busy("away")))
        with pytest.raises(Busy):
            deliver(place)
    assert place.states() == {"pending": 1}
    assert place.deliver.in_flight == 0
    assert_all_is_delivered(place, receiver, 1)


def test_a_claim_that_the_worker_never_heard_of_runs_out_while_it_works_on(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database stops between a commit and the word that it was done."""
    monkeypatch.setattr(drain, "_RENEW_SECONDS", 0.0)
    place.webhook(receiver)
    receiver.answer(delay=0.3)
    stray, known = place.track().event_id, place.track().event_id
    route_all(place)
    until = clock.now_ms() + 15_000
    of, lease = dispatches.c.event_id, {"state": "sending", "due_at": None, "lease_until": until}
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).where(of == stray).values(lease=place.deliver.holder, **lease))
    deliver(place)
    with place.store.read() as connection:
        assert connection.scalar(sa.select(dispatches.c.lease_until).where(of == stray)) == until
        assert connection.scalar(sa.select(dispatches.c.state).where(of == known)) == "delivered"


class ReadOnlyOnceSent:
    """Makes the database read-only as soon as the receiver has the request."""

    def __init__(self, place: Place, receiver: Receiver) -> None:
        self._gate = read_only(place.store)
        self._watch = threading.Thread(target=self._run, args=(receiver,))

    def _run(self, receiver: Receiver) -> None:
        receiver.wait_for(1)
        self._gate.__enter__()

    def __enter__(self) -> None:
        self._watch.start()

    def __exit__(self, *_: object) -> None:
        self._watch.join()
        self._gate.__exit__(None, None, None)


def test_a_full_disk_refuses_and_nothing_is_half_stored(place: Place, receiver: Receiver, engine_kind: str) -> None:
    if engine_kind != "sqlite":
        pytest.skip("a full PostgreSQL says so by the same error class as one that is away")
    place.webhook(receiver)
    taken, refusal = 0, ""
    with full(place.store):
        for _ in range(300):
            try:
                place.track(event_properties={"note": "x" * 2000})
                taken += 1
            except Busy as busy:
                refusal = str(busy)
                break
        else:
            pytest.fail("it never filled up")
        with pytest.raises(Busy):
            place.track(event_properties={"note": "x" * 9000})
    assert "full" in refusal
    assert stored(place) == taken
    place.track()
    route_all(place)
    assert_all_is_delivered(place, receiver, taken + 1)


def test_the_clock_set_back_keeps_nobody_waiting(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    sweep = sweep_of(place)
    sweep.run()
    with time_machine.travel(clock.now_ms() / 1000 + HOUR, tick=False):
        for _ in range(3):
            place.track()
        route_all(place)
        die(place)
        place.track()
        route_all(place)
        sweep.run()
    with time_machine.travel(clock.now_ms() / 1000, tick=False) as traveller:
        deliver(place)
        assert receiver.requests == []
        sweep.run()
        deliver(place)
        assert len(receiver.requests) == 1
        traveller.shift(16)
        sweep.run()
        traveller.shift(6)
        assert_all_is_delivered(place, receiver, 4)


def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed_at_the_start(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    with time_machine.travel(clock.now_ms() / 1000 + HOUR):
        place.track()
        route_all(place)
    sweep_of(place).run()
    assert_all_is_delivered(place, receiver, 1)


def test_while_the_clock_shows_a_time_before_we_were_made_nothing_is_done(place: Place, receiver: Receiver) -> None:
    """What is signed by such a clock is refused, and perhaps for good."""
    place.webhook(receiver)
    sweep = sweep_of(place)
    place.track()
    route_all(place)
    place.track()
    with time_machine.travel(20):
        deliver(place)
        for work in (sweep.run, place.route.run, place.track):
            with pytest.raises(Busy, match="clock"):
                work()
    assert place.states() == {"pending": 1}
    assert receiver.requests == []
    route_all(place)
    assert_all_is_delivered(place, receiver, 2)


def test_a_retry_waits_as_long_from_now_as_it_was_to_wait(place: Place) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    now = clock.now_ms()
    with time_machine.travel((now + HOUR * 1000) / 1000, tick=False):
        Scripted.outcomes.append(Retry("http_503", "Later.", 40.0))
        place.track()
        route_all(place)
        deliver(place)
    with time_machine.travel(now / 1000, tick=False):
        sweep_of(place).run()
        with place.store.read() as connection:
            assert connection.scalar(sa.select(dispatches.c.due_at)) == clock.now_ms() + 40_000


@pytest.fixture
def its_own_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The database does not travel along; so many milliseconds may pass there."""

    def pass_(milliseconds: int) -> None:
        monkeypatch.setattr(moments, "now", lambda connection: of_the_database(connection) + milliseconds)

    pass_(0)
    return pass_


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize(("worker", "sweeper"), [(0, HOUR), (-HOUR, 0), (0, 0), (HOUR, 0), (0, -HOUR)])
def test_leases_last_as_long_as_they_should_though_clocks_are_apart(
    place: Place, receiver: Receiver, its_own_clock: Callable[[int], None], worker: int, sweeper: int
) -> None:
    place.webhook(receiver)
    sweep = sweep_of(place)
    with time_machine.travel(clock.now_ms() / 1000 + worker):
        place.track()
        route_all(place)
        die(place)
    with time_machine.travel(clock.now_ms() / 1000 + sweeper):
        for _ in range(2):
            sweep.run()
            assert place.states() == {"sending": 1}
        its_own_clock(16_000)
        sweep.run()
        assert place.states() == {"retrying": 1}


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_what_somebody_wrote_whose_clock_was_ahead_waits_for_nobody(
    place: Place, receiver: Receiver, its_own_clock: Callable[[int], None]
) -> None:
    """It may be gone: then nobody's clock is ever set back."""
    place.webhook(receiver)
    sweep = sweep_of(place)
    sweep.run()
    place.track()
    route_all(place)
    die(place)
    place.track()
    route_all(place)
    with place.store.write() as connection:
        moments_ = (dispatches.c.due_at, dispatches.c.lease_until, dispatches.c.updated_at)
        connection.execute(sa.update(dispatches).values({one: one + 1000 * HOUR for one in moments_}))
    deliver(place)
    assert receiver.requests == []
    sweep._look_due = 0
    sweep.run()
    deliver(place)
    assert len(receiver.requests) == 1
    its_own_clock(16_000)
    sweep.run()
    its_own_clock(22_000)
    place.deliver._compared = -math.inf
    assert_all_is_delivered(place, receiver, 2)


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize(("router", "worker"), [(20, 0), (HOUR, 0), (-HOUR, 0), (0, -20), (0, -HOUR), (0, HOUR)])
def test_nothing_is_late_because_the_clocks_of_two_machines_are_apart(
    place: Place, receiver: Receiver, its_own_clock: Callable[[int], None], router: int, worker: int
) -> None:
    place.webhook(receiver)
    place.track()
    with time_machine.travel(clock.now_ms() / 1000 + router):
        route_all(place)
    receiver.answer(503, times=1, headers={"Retry-After": "60"})
    with time_machine.travel(clock.now_ms() / 1000 + worker):
        deliver(place)
        assert len(receiver.requests) == 1
        assert place.states() == {"retrying": 1}
        deliver(place)
        assert len(receiver.requests) == 1
        its_own_clock(61_000)
        place.deliver._compared = -math.inf
        assert_all_is_delivered(place, receiver, 1)


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("jump", [-HOUR, HOUR])
@pytest.mark.usefixtures("its_own_clock")
def test_a_lease_is_as_long_as_it_should_be_the_moment_after_the_workers_clock_was_set(
    place: Place, receiver: Receiver, jump: int
) -> None:
    place.webhook(receiver)
    place.deliver._turn(claim=True)
    place.track()
    route_all(place)
    with time_machine.travel(clock.now_ms() / 1000 + jump):
        place.deliver._turn(claim=True)
    with place.store.read() as connection:
        lasts = (connection.scalar(sa.select(dispatches.c.lease_until)) or 0) - moments.now(connection)
    assert 0 < lasts <= drain.LEASE


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("sweeper", [-HOUR, HOUR])
@pytest.mark.usefixtures("its_own_clock")
def test_a_sweep_whose_own_clock_is_wrong_hurries_no_retry_of_others(place: Place, sweeper: int) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    Scripted.outcomes.append(Retry("http_503", "Later.", 40.0))
    place.track()
    route_all(place)
    deliver(place)
    query = sa.select(dispatches.c.due_at)
    with place.store.read() as connection:
        due = connection.scalar(query)
    with time_machine.travel(clock.now_ms() / 1000 + sweeper):
        sweep_of(place).run()
    with place.store.read() as connection:
        assert connection.scalar(query) == due


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("sweeper", [-HOUR, HOUR])
def test_what_a_sweep_lets_go_whose_own_clock_is_wrong_waits_no_longer_for_that(
    place: Place, receiver: Receiver, its_own_clock: Callable[[int], None], sweeper: int
) -> None:
    """What a worker died with, what waits for its retry, and what the breaker held."""
    place.webhook(receiver)
    place.track()
    route_all(place)
    die(place)
    its_own_clock(16_000)
    poked = Mock()
    sweep = Sweep(place.store, place.registry, poked)
    with time_machine.travel(clock.now_ms() / 1000 + sweeper):
        sweep.run()
    with place.store.read() as connection:
        assert (connection.scalar(sa.select(attempts.c.duration_ms)) or 0) in range(60_000)
    its_own_clock(22_000)
    with time_machine.travel(clock.now_ms() / 1000 + sweeper):
        sweep.poke()
    poked.poke.assert_called_once_with("deliver")
    assert_all_is_delivered(place, receiver, 1)


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("machine", [-HOUR, 20, HOUR])
@pytest.mark.usefixtures("its_own_clock")
def test_what_somebody_lets_go_on_whose_clock_is_wrong_goes_at_once(
    place: Place, receiver: Receiver, machine: int
) -> None:
    hook = place.webhook(receiver)
    place.destinations.pause(hook, actor="cli")
    place.track()
    route_all(place)
    sweep_of(place).run()
    with time_machine.travel(clock.now_ms() / 1000 + machine):
        place.destinations.resume(hook, actor="cli")
    assert_all_is_delivered(place, receiver, 1)


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.usefixtures("its_own_clock")
def test_an_open_breaker_is_tried_when_its_pause_is_over_by_the_clock_of_all(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    with place.store.write() as connection:
        until = moments.now(connection) + 60_000
        destinations.change(connection, hook, backlog.breaker_columns(Breaker("open", 10, 0, until)))
    with time_machine.travel(clock.now_ms() / 1000 + 120):
        sweep_of(place).run()
    assert place.destinations.get(hook).breaker.state == "open"


def test_the_clock_set_forward_frees_leases_early_and_loses_nothing(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track()
    route_all(place)
    die(place)
    with time_machine.travel(clock.now_ms() / 1000 + 24 * HOUR, tick=False) as traveller:
        sweep_of(place).run()
        traveller.shift(6)
        assert_all_is_delivered(place, receiver, 1)


def test_the_clock_set_forward_a_year_deletes_nothing_for_an_hour(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    retention = Retention(place.store, place.settings)
    with time_machine.travel(clock.now_ms() / 1000 + 365 * 24 * HOUR):
        retention.tick()
        assert stored(place) == 1
    retention.tick()
    assert stored(place) == 1


def test_a_process_that_starts_with_a_clock_a_year_ahead_deletes_nothing_for_an_hour(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    Retention(place.store, place.settings).tick()
    with time_machine.travel(clock.now_ms() / 1000 + 365 * 24 * HOUR):
        Retention(place.store, place.settings).tick()
        again = Retention(place.store, place.settings)  # started anew within that hour
        again.tick()
        again.tick()
        assert stored(place) == 1
        monkeypatch.setattr("ours.services.retention.time.monotonic", lambda: time.perf_counter() + HOUR + 1)
        again.tick()  # an hour later the clock is taken at its word
        assert stored(place) == 0


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.usefixtures("its_own_clock")
def test_a_scheduler_whose_clock_alone_is_a_year_ahead_deletes_nothing_for_ever(
    place: Place, receiver: Receiver
) -> None:
    """Others are right, so nobody's clock leaps, and after its hour it would delete what they keep."""
    place.webhook(receiver)
    place.track()
    place.work()
    with time_machine.travel(clock.now_ms() / 1000 + 365 * 24 * HOUR):
        assert Retention(place.store, place.settings).run()
    assert stored(place) == 1


def test_a_process_that_was_never_there_before_goes_by_the_newest_event(place: Place) -> None:
    place.track()
    place.work()
    with time_machine.travel(clock.now_ms() / 1000 + 365 * 24 * HOUR):
        Retention(place.store, place.settings).tick()
        assert stored(place) == 1


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pg"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(made))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.long
def test_postgresql_stopped_and_started_in_mid_load(
    folder: Path, make_settings: Callable[..., Settings], receiver: Receiver
) -> None:
    from tests.chaos.power import Database

    database = Database(folder)
    settings = make_settings(database_url=database.url, allow_networks="127.0.0.0/8")
    store = Store(settings)
    migrate.upgrade(store)
    places = make_place.__wrapped__(store, make_settings)  # type: ignore[attr-defined]
    place: Place = next(places)
    place.webhook(receiver)
    other = Deliver(place.store, place.registry, settings)
    accepted, refused, stop = set[str](), [0], threading.Event()

    def send() -> None:
        while not stop.is_set():
            try:
                accepted.add(place.track().event_id)
            except Busy as busy:
                refused[0] += busy.retry_after > 0
                time.sleep(0.05)

    def station(step: Callable[[], object]) -> None:
        while not stop.is_set():
            with suppress(Busy):
                step()
            time.sleep(0.02)

    sweep: Sweep = sweep_of(place)
    steps = (place.route.run, lambda: deliver(place, 1), lambda: other.drain(threading.Event(), 1), sweep.run)
    threads = [threading.Thread(target=send), *(threading.Thread(target=station, args=(step,)) for step in steps)]
    try:
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        database.stop()
        time.sleep(0.7)
        before = len(accepted)
        database.start()
        ends = time.monotonic() + 15
        while len(accepted) < before + 20 and time.monotonic() < ends:
            time.sleep(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert refused[0] > 0
    assert len(accepted) >= before + 20
    other.drain(threading.Event(), 5, claim=False)
    # When the power fails in mid commit, nobody hears of what is stored: an event, or a lease that runs out.
    ends = time.monotonic() + 30
    while place.states() != {"delivered": stored(place)} and time.monotonic() < ends:
        place.work()
        sweep.run()
        time.sleep(0.1)
    assert len(accepted) <= stored(place) <= len(accepted) + 1
    assert place.states() == {"delivered": stored(place)}
    assert len({one.headers["webhook-id"] for one in receiver.requests}) == stored(place)
    other.close()
    with suppress(StopIteration):
        next(places)
    store.close()
    database.close()
