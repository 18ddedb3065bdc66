"""What is told while the database, the disk or the queue is away."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.errors import Busy
from ours.services.alerts import Alerts
from ours.services.retention import Retention
from tests.receiver import Receiver
from tests.services.alerts.hearing import DAY, Mailbox, always, kinds, said, stages
from tests.services.conftest import Place


def test_a_clock_that_leaps_while_the_database_is_away_is_told_when_it_is_back(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_how: object) -> NoReturn:
        raise Busy("It is away.")

    keep, alerts = Retention(place.store, place.settings), alerts_of()
    keep.tick()
    now.shift(400 * DAY)
    ends = clock.iso(clock.now_ms() + clock.HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(place.store, "write", away)
        with pytest.raises(Busy):
            keep.tick()
    now.shift(60)
    keep.tick()
    alerts.run()
    (alert,) = alerts.list()
    assert f"Nothing is deleted until {ends}." in alert.words


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass, for what waits in memory."""
    ahead = [0.0]
    monkeypatch.setattr("ours.services.alerts.unwritten.time.monotonic", lambda: time.perf_counter() + ahead[0])

    def pass_(seconds: float) -> None:
        ahead[0] += seconds

    return pass_


def test_a_queue_that_is_away_for_ten_minutes_is_told_once_and_ends_once(
    alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    passing: Callable[[float], None],
) -> None:  # fmt: skip
    there = False
    alerts = alerts_of(lambda: there, alert_webhook=receiver.url)

    def look(*after: float) -> list[str]:
        for seconds in after:
            now.shift(seconds)
            passing(seconds)
            alerts.run()
        return stages(receiver)

    assert look(0, 590) == []
    there = True
    assert look(5) == []  # a restart of it
    there = False
    assert look(5, 590) == []
    assert look(20, 300) == ["opened"]
    alerts = alerts_of(lambda: there, alert_webhook=receiver.url)  # a scheduler that is started anew
    assert look(5, 70, 70) == ["opened"]
    assert kinds(alerts.list()) == ["queue"]
    there = True
    assert look(5, 61) == ["opened", "resolved"]
    assert "has been unreachable for 10 minutes" in said(receiver)[0]["text"]
    assert "OURS_REDIS_URL" in said(receiver)[0]["text"]


def run_in_vain(alerts: Alerts, passing: Callable[[float], None], *after: float) -> None:
    """Have them look after each of these seconds, and find that nothing can be written."""
    for seconds in after:
        passing(seconds)
        with pytest.raises(Busy):
            alerts.run()


@contextmanager
def no_writes(place: Place) -> Iterator[None]:
    """A database that may only be read."""
    words = "PRAGMA query_only = on" if place.store.is_sqlite else "SET default_transaction_read_only = on"

    def forbid(connection: Any, _: Any) -> None:
        connection.execute(words)
        connection.commit()

    place.store.engine.dispose()
    sa.event.listen(place.store.engine, "connect", forbid)
    yield
    sa.event.remove(place.store.engine, "connect", forbid)
    place.store.engine.dispose()


def test_a_database_that_is_back_soon_is_told_to_nobody(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    for _ in range(3):
        with no_writes(place), pytest.raises(Busy):
            alerts.run()
        passing(25)
        alerts.run()
    assert receiver.requests == []


def test_a_disk_without_room_is_named(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    tight = replace(place.settings, min_free_mb=10**9, alert_webhook=receiver.url)
    alerts = Alerts(place.store, place.registry, tight, always)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    assert "disk is nearly full" in said(receiver)[0]["text"]


def test_a_database_that_takes_no_writes_is_told_all_the_same(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 20, 20, 3600, 86_400)
    assert stages(receiver) == ["opened", "still"]
    assert said(receiver)[0]["alerts"][0]["kind"] == "database"
    assert "can't be written just now. New events are refused" in said(receiver)[0]["text"]
    for _ in range(4):
        alerts.run()
        passing(40)
    assert stages(receiver) == ["opened", "still", "resolved"]


def test_a_clock_that_was_never_set_is_told_from_memory_too(
    alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    with time_machine.travel(20):
        run_in_vain(alerts, passing, 0, 31)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert stages(receiver) == ["opened", "resolved"]
    assert "This machine's clock shows a time before 2025. Set it." in said(receiver)[0]["text"]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_table_that_somebody_keeps_locked_is_told_though_others_can_be_written(
    place: Place,
    alerts_of: Callable[..., Alerts],
    receiver: Receiver,
    passing: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ours.store.connecting._BOUNDED", ("SET lock_timeout = 100",))
    place.store.engine.dispose()
    alerts = alerts_of(alert_webhook=receiver.url)
    with place.store.write() as connection:
        connection.execute(sa.text("LOCK TABLE volumes IN ACCESS EXCLUSIVE MODE"))
        run_in_vain(alerts, passing, 0, 31)
    assert "another session keeps a lock on it" in said(receiver)[0]["text"]


def test_a_scheduler_that_is_started_anew_tells_the_end_of_what_was_told_and_no_second_beginning(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    mark = place.settings.home / "database.told"
    with no_writes(place):
        for _ in range(2):
            alerts = alerts_of(alert_webhook=receiver.url)
            run_in_vain(alerts, passing, 0, 31, 61)
    assert stages(receiver) == ["opened"]
    assert mark.stat().st_mode & 0o777 == 0o600
    for _ in range(2):  # each ends within a minute
        alerts = alerts_of(alert_webhook=receiver.url)
        alerts.run()
    assert stages(receiver) == ["opened"]
    passing(61)
    alerts.run()
    assert stages(receiver) == ["opened", "resolved"]
    first, last = (document["alerts"][0] for document in said(receiver))
    assert (first["message"], first["since"]) == (last["message"].removeprefix("Resolved: "), last["since"])
    assert not mark.exists()


def test_a_day_after_it_was_told_another_scheduler_tells_that_it_lasts(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    now: time_machine.Traveller,
) -> None:  # fmt: skip
    with no_writes(place):
        for hours in (0, 20, 4):
            now.shift(hours * 3600)
            alerts = alerts_of(alert_webhook=receiver.url)
            run_in_vain(alerts, passing, 0, 31)
    assert stages(receiver) == ["opened", "still"]


def test_the_end_is_told_to_whom_the_beginning_was_until_it_is_taken(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    receiver.answer(500, times=1)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert len(box.mails) == 2
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(3):
        alerts.run()
        passing(61)
    assert len(box.mails) == 2
    assert stages(receiver) == ["opened", "resolved", "resolved"]  # of which the first was not taken
    assert not (place.settings.home / "database.told").exists()


def test_what_fails_anew_while_its_end_is_told_is_told_anew(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(2):
        with no_writes(place):
            run_in_vain(alerts, passing, 0, 31)
        box.refuses = True
        for _ in range(2):
            alerts.run()
            passing(61)
        box.refuses = False
    assert stages(receiver) == ["opened", "resolved", "opened", "resolved"]


def test_a_mark_that_says_nothing_tells_by_being_there(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    """There may be room for a name on a disk, and none for what is in the file."""
    (place.settings.home / "database.told").touch()
    alerts = alerts_of(alert_webhook=receiver.url)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert stages(receiver) == ["resolved"]


def test_of_two_schedulers_the_one_that_no_longer_leads_tells_the_end_too(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    with place.store.alone("alerts") as others:
        assert others
        for _ in range(3):
            alerts.run()
            passing(61)
    assert stages(receiver) == ["opened", "resolved"]


def test_who_waits_in_line_while_another_program_holds_the_database_tells_of_it(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite, each writer of ours waits ten seconds for the program, and the others wait for that one."""
    monkeypatch.setattr("ours.services.alerts.unwritten._PATIENCE", 0.01)
    alerts = alerts_of(alert_webhook=receiver.url)
    turn = threading.Lock()
    monkeypatch.setattr(place.store, "turn", lambda: turn)
    looking = threading.Thread(target=alerts.run)
    with turn:
        looking.start()
        ends = time.monotonic() + 20
        while not receiver.requests and time.monotonic() < ends:
            time.sleep(0.01)
        told = len(receiver.requests)
    looking.join()
    assert told == 1
    assert b"waits for another program" in receiver.requests[0].body
