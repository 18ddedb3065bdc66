"""A station that only one process may hold: the next takes it over, also when the holder is lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from ours.errors import Busy
from ours.settings import Settings
from ours.store import Store, alone


def test_one_at_a_time_and_then_the_next(
    store: Store, engine_kind: str, make_settings: Callable[..., Settings]
) -> None:
    other = Store(make_settings(database_url=store.url if engine_kind == "postgresql" else ""))
    with store.alone("scheduler") as first, other.alone("scheduler") as second, other.alone("route") as elsewhere:
        assert (first, second, elsewhere) == (True, False, True)
    with other.alone("scheduler") as second:
        assert second
    other.close()


def test_who_has_another_schema_of_the_same_database_has_stations_of_its_own(
    make_settings: Any, make_database_url: Callable[[str], str]
) -> None:
    url = make_database_url("postgresql")
    first = Store(make_settings(database_url=url))
    with first.write() as connection:
        connection.execute(sa.text("CREATE SCHEMA other"))
    other = Store(make_settings(database_url=f"{url}&options=-csearch_path%3Dother"))
    try:
        with first.alone("scheduler") as mine, other.alone("scheduler") as theirs, other.alone("scheduler") as second:
            assert (mine, theirs, second) == (True, True, False)
        with first.surely_alone("route") as mine, other.surely_alone("route") as theirs:
            assert (mine, theirs) == (True, True)
    finally:
        with first.write() as connection:
            connection.execute(sa.text("DROP SCHEMA other CASCADE"))
        first.close()
        other.close()


def test_a_holder_whose_connection_is_cut_holds_nothing_more(
    make_settings: Any, make_database_url: Callable[[str], str]
) -> None:
    url = make_database_url("postgresql")
    leader, standby = Store(make_settings(database_url=url)), Store(make_settings(database_url=url))
    mine = "= (SELECT oid FROM pg_database WHERE datname = current_database())"
    cut = sa.text(
        f"SELECT pg_terminate_backend(pid, 9000) FROM pg_locks WHERE locktype = 'advisory' AND database {mine}"
    )
    idle = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datid {mine}")
    took_over = []
    with pytest.raises(Busy), leader.alone("scheduler"):  # noqa: PT012 - who was cut off learns of it in the end
        with standby.read() as connection:
            assert connection.scalar(idle) == 0
            connection.execute(cut)
        with standby.alone("scheduler") as taken:
            took_over.append(taken)
    assert took_over == [True]
    leader.close()
    standby.close()


@pytest.mark.parametrize("engine_kind", ["postgresql"])
@pytest.mark.parametrize("for_long", [False, True])
def test_who_is_frozen_while_alone_is_not_alone_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch, for_long: bool
) -> None:
    """The server ends a session that says nothing, and frees its lock."""
    monkeypatch.setattr(alone, "_STILL", "50ms")
    with pytest.raises(Busy), store.alone("scheduler", for_long=for_long):
        _when_free(store, "scheduler")
    with store.alone("scheduler", for_long=for_long) as mine:
        assert mine


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_who_is_at_work_for_long_says_now_and_then_that_it_lives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_BEAT", 0.01)
    said = sa.text(
        "SELECT state_change FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )
    with store.alone("retention", for_long=True):
        seen: set[Any] = set()
        ends = time.monotonic() + 20
        while len(seen) < 3:
            assert time.monotonic() < ends
            with store.read() as connection:
                seen.add(connection.scalar(said))


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_who_says_it_too_late_learns_that_it_was_not_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_BEAT", 0.5)
    monkeypatch.setattr(alone, "_STILL", "50ms")
    with pytest.raises(Busy), store.alone("retention", for_long=True):
        time.sleep(0.6)


def test_nothing_of_what_is_done_surely_alone_is_half_done(store: Store, engine_kind: str) -> None:
    with store.surely_alone("route") as first:
        with ThreadPoolExecutor(1) as thread:
            assert not thread.submit(_is_free, store, "route").result()
        assert first
        with store.read() as reading, store.write() as writing:
            assert (reading is writing) == (engine_kind == "postgresql")
    assert _is_free(store, "route")


def _is_free(store: Store, station: str) -> bool:
    with store.surely_alone(station) as mine:
        return mine


def _when_free(store: Store, station: str) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with store.alone(station) as mine:
            if mine:
                return
        time.sleep(0.02)
    pytest.fail("it is still held")
