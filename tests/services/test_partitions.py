"""Events and attempts by day on PostgreSQL: the division of live tables, days ahead, and days that are dropped."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ours import clock, ids
from ours.errors import Busy, Invalid
from ours.services.backup import Backup
from ours.services.overview import Overview
from ours.services.partitions import Partitions, days
from ours.services.reconcile import Reconcile
from ours.services.retention import Retention
from ours.store import divide, migrate
from ours.store.queries import moments
from ours.store.queries import partitions as queries
from ours.store.tables import attempts, dispatches, events, metadata
from tests.conftest import ENGINES
from tests.receiver import Receiver
from tests.services.conftest import MakeStore, Place, content

DAY = 24 * 3600


@pytest.fixture
def engine_kind() -> str:
    return "postgresql"


@pytest.fixture
def partitions(place: Place) -> Partitions:
    return Partitions(place.store, place.settings)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    """Noon, so that no day ends while a test runs. Ids have a clock of their own, which is made to agree."""
    make = ids.new_id
    monkeypatch.setattr(ids, "new_id", lambda: ids.floor(clock.now_ms())[:12] + make()[12:])
    noon = days.midnight(clock.now_ms()) / 1000 + DAY / 2
    with time_machine.travel(noon, tick=False) as traveller:
        yield traveller


def rows(place: Place, query: Any) -> Sequence[Any]:
    with place.store.read() as connection:
        return connection.execute(query if isinstance(query, sa.sql.ClauseElement) else sa.text(query)).all()


def count(place: Place, *names: str) -> list[int]:
    return [rows(place, f"SELECT count(*) FROM {name}")[0][0] for name in names]


def names(place: Place, of: str) -> list[str]:
    with place.store.read() as connection:
        return [part.name for part in queries.parts(connection, of)]


def test_a_live_table_is_divided_and_nobody_notices(place: Place, receiver: Receiver, partitions: Partitions) -> None:
    place.webhook(receiver)
    place.track(distinct_id="before")
    place.work()
    stop, failed, sent = threading.Event(), [], []

    def write() -> None:
        while not stop.is_set():
            try:
                sent.append(place.track().event_id)
            except Exception as error:  # whatever a caller would have met
                failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(sent) < 20:
            time.sleep(0.005)
        assert partitions.divide() == ["events", "attempts"]
        upto = len(sent)
        while len(sent) < upto + 20:
            time.sleep(0.005)
    finally:
        stop.set()
        writer.join()
    assert failed == []
    place.work()
    total = len(sent) + 1
    assert count(place, "events", "events_past", "events_rest", "attempts_past") == [total, total, 0, total]
    assert place.track(distinct_id="before").duplicate
    assert place.difference() == 0
    assert Reconcile(place.store).check(None) == []
    assert partitions.divide() == []


def test_what_was_divided_has_the_same_shape_and_can_be_migrated(place: Place, partitions: Partitions) -> None:
    with place.store.write() as connection:
        connection.exec_driver_sql("GRANT SELECT ON events TO PUBLIC")
    partitions.divide()
    with place.store.read() as connection:
        known = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts=known)
        assert compare_metadata(context, metadata) == []
        assert connection.scalar(sa.text("SELECT has_table_privilege('pg_monitor', 'events', 'select')"))
    with place.store.write() as connection:
        connection.exec_driver_sql("ALTER TABLE events ADD COLUMN later TEXT")
    migrate.downgrade(place.store, "0005")
    migrate.upgrade(place.store)
    migrate.downgrade(place.store, "base")
    assert set(sa.inspect(place.store.engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(place.store)


def test_the_rows_are_not_read_again_while_others_wait(place: Place, partitions: Partitions) -> None:
    """PostgreSQL says at DEBUG1 that it believes the check, and would say that it builds an index."""
    said: list[str] = []

    def listen(connection: Any, *_: Any) -> None:
        connection.execute("SET client_min_messages = debug1")
        connection.commit()
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))

    sa.event.listen(place.store.engine, "connect", listen)
    place.store.engine.dispose()
    partitions.divide()
    for table in ("events_past", "attempts_past"):
        assert any(f'"{table}" is implied by existing constraints' in one for one in said)
    assert [one for one in said if "building index" in one and "_past" in one] == []


def test_whoever_holds_the_table_is_not_disturbed_and_all_stays_as_it_was(
    place: Place, partitions: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divide, "_TRIES", 1)
    monkeypatch.setattr(divide, "_PAUSE", 0)
    with place.store.engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM events")
        with pytest.raises(Busy, match="held the table"):
            partitions.divide()
    assert [state.is_divided for state in partitions.states()] == [False, False]
    place.track()
    assert partitions.divide() == ["events", "attempts"]


def test_a_division_that_was_killed_leaves_nothing_behind(
    place: Place, partitions: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(divide, "_swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr(divide, "undo", lambda *_: None)  # killed: nothing of ours runs any more
        with pytest.raises(KeyboardInterrupt):
            partitions.divide()
    assert partitions.states()[0].is_half_done
    partitions.run()
    assert not partitions.states()[0].is_half_done
    assert partitions.divide() == ["events", "attempts"]


def test_what_hangs_on_a_table_is_named(place: Place, partitions: Partitions) -> None:
    with place.store.write() as connection:
        connection.exec_driver_sql("CREATE VIEW latest AS SELECT id FROM events")
    with pytest.raises(Invalid, match="the view latest on events"):
        partitions.divide()
    with place.store.write() as connection:
        connection.exec_driver_sql("DROP VIEW latest")


def test_a_lookup_by_id_touches_one_partition(place: Place, partitions: Partitions) -> None:
    partitions.divide()
    for query in (
        f"SELECT * FROM events WHERE id = '{ids.new_id()}'",
        f"SELECT * FROM attempts WHERE dispatch_id = '{ids.new_id()}'",
        f"UPDATE events SET owed = 1 WHERE id = '{ids.new_id()}'",
    ):
        plan = "\n".join(row[0] for row in rows(place, f"EXPLAIN {query}"))
        assert "_past" in plan
        assert "Append" not in plan
        assert "_rest" not in plan


def test_a_day_is_dropped_with_its_figures_kept_and_what_is_needed_moved(
    place: Place, receiver: Receiver, partitions: Partitions, now: time_machine.Traveller
) -> None:
    partitions.divide()
    keep = Retention(place.store, place.settings)
    now.shift(4 * DAY)
    partitions.run()
    place.webhook(receiver)
    place.webhook(receiver, "Refuses", events=[])
    place.track(distinct_id="order-1")
    place.track(mode="test")
    place.identify(user_id="u1")
    needed = place.track(distinct_id="order-2").event_id
    place.work()
    still = rows(place, sa.select(dispatches.c.id).where(dispatches.c.event_id == needed))[0].id
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).where(dispatches.c.id == still).values(state="retrying", due_at=2**50))
    before = Overview(place.store, place.registry).balance()
    day = f"events_{days_name()}"
    assert count(place, day) == [4]
    now.shift(31 * DAY)
    keep.run(60)
    assert count(place, "attempts") == [2], "those of the test event went, the others wait for their day"
    drop(partitions)
    assert [row.dispatch_id for row in rows(place, sa.select(attempts))] == [still]
    now.shift(60 * DAY)
    keep.run(60)
    assert count(place, "events") == [3], "the test event went, the others wait for their day"
    drop(partitions)
    assert day not in names(place, "events")
    assert [row.id for row in rows(place, sa.select(events))] == [needed]
    assert count(place, "events_rest", "dispatches", "seen") == [1, 2, 2]
    assert Overview(place.store, place.registry).balance() == before
    assert Reconcile(place.store).check(None) == []
    keep.run(60)
    assert count(place, "events", "dispatches", "seen", "attempts") == [1, 1, 1, 1]
    assert Overview(place.store, place.registry).balance() == before
    assert before.difference == 0


def days_name() -> str:
    return clock.iso(clock.now_ms())[:10].replace("-", "")


def drop(partitions: Partitions) -> None:
    partitions._next_drop = 0
    partitions.run()


def test_a_day_with_much_that_is_needed_goes_row_by_row(
    place: Place,
    receiver: Receiver,
    partitions: Partitions,
    now: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(days, "FEW", 1)
    partitions.divide()
    now.shift(4 * DAY)
    partitions.run()
    place.webhook(receiver)
    for _ in range(3):
        place.track()
    place.work()
    with place.store.write() as connection:
        two = rows(place, sa.select(dispatches.c.id).order_by(dispatches.c.id))[:2]
        connection.execute(
            sa.update(dispatches)
            .where(dispatches.c.id.in_([row.id for row in two]))
            .values(state="retrying", due_at=2**50)
        )
    day = f"events_{days_name()}"
    now.shift(94 * DAY)
    drop(partitions)
    assert count(place, day) == [3]
    Retention(place.store, place.settings).run(60)
    assert count(place, day) == [2]
    with place.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="exhausted", due_at=None))
    drop(partitions)
    assert day not in names(place, "events")
    Retention(place.store, place.settings).run(60)
    assert count(place, "events", "dispatches", "attempts") == [0, 0, 0]
    assert place.difference() == 0


def test_what_came_without_a_partition_is_moved_into_its_day(
    place: Place, partitions: Partitions, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions.divide()
    now.shift(9 * DAY)
    event_id = place.track().event_id
    assert count(place, "events_rest") == [1]
    assert [state.strays for state in partitions.states()] == [1, 0]
    assert partitions.states()[0].days_ahead(clock.now_ms()) == 0
    monkeypatch.setattr(days, "FEW", 0)
    partitions.run()
    assert count(place, "events_rest") == [1], "too many for a scheduler"
    assert partitions.divide() == []
    assert count(place, "events_rest", f"events_{days_name()}") == [0, 1]
    assert rows(place, sa.select(events.c.id))[0].id == event_id
    state = partitions.states()[0]
    assert (state.strays, state.days_ahead(clock.now_ms())) == (0, 7)


def test_a_clock_that_jumps_drops_nothing_for_an_hour(
    place: Place, partitions: Partitions, now: time_machine.Traveller
) -> None:
    partitions.divide()
    now.shift(200 * DAY)
    partitions.tick()
    assert "events_past" in names(place, "events")


def test_a_process_that_starts_with_a_clock_far_ahead_drops_nothing_for_an_hour(
    place: Place, partitions: Partitions, now: time_machine.Traveller
) -> None:
    partitions.divide()
    place.track()
    place.work()
    now.shift(200 * DAY)
    Partitions(place.store, place.settings).tick()
    assert "events_past" in names(place, "events")


def test_a_scheduler_whose_clock_alone_is_far_ahead_drops_nothing(
    place: Place, partitions: Partitions, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions.divide()
    place.track()
    place.work()
    there = clock.now_ms()
    monkeypatch.setattr(moments, "now", lambda _: there)
    now.shift(200 * DAY)
    partitions._next_drop = 0
    partitions.run()
    assert "events_past" in names(place, "events")


@pytest.mark.parametrize("kind", ENGINES)
def test_what_was_divided_can_be_backed_up_and_copied(
    place: Place, receiver: Receiver, partitions: Partitions, kind: str, make_empty: MakeStore, tmp_path: Path
) -> None:
    place.webhook(receiver)
    place.track(user_id="before")
    place.work()
    partitions.divide()
    place.track(user_id="after")
    place.work()
    there = content(place.store)
    assert [len(there[name]) for name in ("events", "attempts")] == [2, 2]
    copied, restored = make_empty(kind), make_empty(kind)
    assert Backup(place.store).copy(copied).difference == 0
    Backup(place.store).write(tmp_path / "ours.backup")
    assert Backup(restored).restore(tmp_path / "ours.backup").difference == 0
    assert [content(store) for store in (copied, restored)] == [there, there]
