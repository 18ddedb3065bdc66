"""``/health/ready`` says what an event would be told."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from prometheus_client.parser import text_string_to_metric_families

from ours import log
from ours.bootstrap import Ours
from ours.services import unavailable
from ours.settings import Settings
from ours.store.tables import events
from ours.store.turnstile import Turnstile
from ours.web import create_app
from tests.conftest import _execute

Make = Callable[..., Any]


@pytest.fixture
def make(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Make]:
    """A web process; ``ready()``, ``send()`` and ``metrics()`` ask it."""
    made: list[Web] = []

    def opened(kind: str = "sqlite", **settings: Any) -> Web:
        ours = Ours(make_settings(**{"database_url": make_database_url(kind)} | settings))
        made.append(Web(ours, ours.sources.add("Shop", actor="cli").live_key))
        return made[-1]

    yield opened
    for one in made:
        one.ours.close()


class Web:
    def __init__(self, ours: Ours, key: str) -> None:
        self.ours, self.key = ours, key
        self.client = create_app(ours).test_client()

    def ready(self) -> tuple[int, Any]:
        answer = self.client.get("/health/ready")
        return answer.status_code, answer.get_json()

    def send(self) -> int:
        return self.client.post(
            "/api/v1/track", json={"token": self.key, "event": "Purchase", "userId": "u1"}
        ).status_code

    def unavailable(self) -> dict[str, float]:
        families = {one.name: one for one in text_string_to_metric_families(self.client.get("/metrics").text)}
        return {one.labels["reason"]: one.value for one in families["ours_requests_unavailable"].samples}


@pytest.fixture
def full() -> Callable[[Web], Callable[[], None]]:
    """Takes every further page from a SQLite database, as a disk does that is full; answers how to give them back."""

    def fill(web: Web) -> Callable[[], None]:
        engine, most = web.ours.store.engine, [1]

        def limit(connection: Any, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {most[0]}")

        sa.event.listen(engine, "checkout", limit)
        return lambda: most.__setitem__(0, 4294967294)

    return fill


def test_it_is_when_an_event_would_be_taken(make: Make, engine_kind: str) -> None:
    web = make(engine_kind)
    status, said = web.ready()
    assert (status, said["status"], said["database"]) == (200, "ok", "ok")
    assert web.send() == 200


def test_it_is_not_when_the_disk_is_nearly_full(make: Make) -> None:
    web = make(min_free_mb=99_999_999)
    status, said = web.ready()
    assert (status, said["status"]) == (503, "unavailable")
    assert "OURS_MIN_FREE_MB" in said["disk"]
    assert web.send() == 503


def test_it_is_not_when_too_many_events_wait_to_be_routed(make: Make) -> None:
    web = make(max_backlog=1)
    assert web.send() == 200
    web.ours.accept._gauge._due = 0
    status, said = web.ready()
    assert status == 503
    assert "route worker" in said["backlog"]
    assert web.send() == 503


def test_it_is_not_while_the_clock_shows_a_time_before_we_were_made(make: Make) -> None:
    """As on a board without a battery, before it asked a server for the time."""
    web = make()
    rows = [{"event": "Lead", "userId": "u1", "distinctId": str(number)} for number in range(3)]
    with time_machine.travel(20):
        status, said = web.ready()
        assert (status, said["status"], list(said)) == (503, "unavailable", ["clock", "queue", "status"])
        assert web.send() == 503
        batch = web.client.post("/api/v1/batch", json={"token": web.key, "events": rows})
        assert (batch.status_code, batch.headers["Retry-After"]) == (503, "5")
        assert web.unavailable()["clock"] == 2
    with web.ours.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0
    assert web.ready()[0] == web.send() == 200


def test_it_is_not_on_a_standby(make: Make, make_database_url: Callable[[str], str]) -> None:
    """As it is after a failover, with no event since."""
    web = make("postgresql")
    assert web.ready()[0] == 200
    name = web.ours.store.engine.url.database
    address = web.ours.settings.database_url
    _execute(address, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        web.ours.store.engine.dispose()
        status, said = web.ready()
        assert status == 503
        assert "read-only" in said["database"]
        assert web.send() == 503
    finally:
        _execute(address, "SET default_transaction_read_only = off", f'ALTER DATABASE "{name}" RESET ALL')
        web.ours.store.engine.dispose()


def test_it_is_not_while_the_database_takes_nothing_more(
    make: Make, full: Callable[[Web], Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.readiness._TRIAL_FRESH", 0.0)
    web = make(min_free_mb=0)
    make_room = full(web)
    assert web.ready()[0] == 503  # no event had to fail for it
    make_room()
    assert web.ready()[0] == 200
    make_room = full(web)
    while web.send() == 200:
        pass
    status, said = web.ready()
    assert status == 503
    assert said["database"] == "The database can't be written just now."
    make_room()
    assert web.ready()[0] == 200
    assert web.send() == 200


@pytest.mark.parametrize("table", ["events", "volumes"])
def test_it_is_not_while_somebody_else_keeps_a_table_locked(
    make: Make, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.readiness._TRIAL_FRESH", 0.0)
    monkeypatch.setattr("ours.store.connecting._BOUNDED", ("SET lock_timeout = 100",))
    web = make("postgresql")
    with web.ours.store.write() as connection:
        connection.execute(sa.text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        assert web.send() == 503
        status, said = web.ready()
        assert status == 503
        assert "another session keeps a lock on it" in said["database"]
    web.ours.accept._gauge._due = 0
    assert web.ready()[0] == 200
    assert web.send() == 200


def timers() -> list[threading.Timer]:
    return [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def test_a_503_is_counted_and_said_but_not_each(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unavailable, "_EVERY", 1.0)
    log.configure("WARNING", "json")
    for timer in timers():  # of a server that another test left
        timer.cancel()
        timer.join()
    web = make(min_free_mb=99_999_999)
    assert web.unavailable() == dict.fromkeys(unavailable.REASONS, 0)
    for _ in range(5):
        assert web.send() == 503
    rows = [{"event": "Lead", "userId": "u1", "distinctId": str(number)} for number in range(3)]
    assert web.client.post("/api/v1/batch", json={"token": web.key, "events": rows}).status_code == 503
    web.ours.metrics._read = None
    assert web.unavailable() == dict.fromkeys(unavailable.REASONS, 0) | {"disk": 6}
    for timer in timers():
        timer.join()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "answered_503" in line]
    told = [line["requests"] for line in lines]
    assert (told[0], sum(told)) == (1, 6)  # how many of the rest are told at once is a matter of time
    assert len(told) < 6
    assert {line["reason"] for line in lines} == {"disk"}
    assert {line["error"].partition(".")[0] for line in lines} == {"The disk is nearly full"}


def test_probes_do_not_wait_for_one_that_waits_in_vain(make: Make) -> None:
    web = make()
    assert web.ready()[0] == 200
    web.ours.accept._trial._error = "An event could not be stored."
    with closing(Turnstile(web.ours.settings.home)) as other, ThreadPoolExecutor(2) as probes:
        with other.turn():
            first = probes.submit(web.ready)
            assert not wait([first], timeout=0.5).done
            second = probes.submit(web.ready)
            assert wait([second], timeout=10).done
            assert second.result()[0] == 503
        assert first.result()[0] == 200
    assert web.ready()[0] == 200


def test_nobody_is_told_where_the_database_is_and_who_we_are_there_but_the_log(
    make_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("WARNING", "json")
    web = Web(Ours(make_settings(database_url="postgresql://nobody@127.0.0.1:1/none")), "any key")
    token = re.findall(r'name="csrf_token"[^>]* value="([^"]+)"', web.client.get("/sign-in").text)[0]
    event = {"event": "Purchase", "userId": "u1"}
    answers = [
        web.client.get("/health/ready"),
        web.client.post("/api/v1/track", json={"token": "any key"} | event),
        web.client.post("/api/v1/batch", json={"token": "any key", "events": [event]}),
        web.client.get("/api/admin/v1/sources", headers={"Authorization": "Bearer ours_x"}),
        web.client.post("/sign-in", data={"email": "a@b.c", "password": "x", "csrf_token": token}),
    ]
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    assert not [answer.text for answer in answers if "127.0.0.1" in answer.text]
    assert "127.0.0.1" in capsys.readouterr().err


def test_metrics_go_on_without_the_database(make_settings: Callable[..., Settings]) -> None:
    ours = Ours(make_settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    web = Web(ours, "any key")
    assert web.ready()[0] == 503
    assert web.send() == 503
    families = {one.name: one for one in text_string_to_metric_families(web.client.get("/metrics").text)}
    assert families["ours_database_up"].samples[0].value == 0
    assert families["ours_disk_free_bytes"].samples[0].value > 0
    assert not families["ours_balance"].samples
    assert web.unavailable()["database"] == 1
    ours.close()
