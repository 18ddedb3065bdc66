"""``ours doctor``: each thing that can be wrong is found, and how to mend it is said."""

import base64
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
import time_machine

from ours.bootstrap import Ours
from ours.clock import HOUR, now_ms
from ours.core.incoming import Incoming
from ours.errors import Busy
from ours.services.metrics import Counting
from ours.settings import load
from ours.store import Store, migrate, tables
from ours.store.queries import counters, destinations, server, snapshot
from ours.store.queries.counters import Counted
from ours.store.tables import dispatches
from tests.cli.conftest import KEY_OF_TESTS, Terminal


@pytest.fixture(autouse=True)
def _only_known_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OURS_") and name != "OURS_HOME":
            monkeypatch.delenv(name)


def found(terminal: Terminal, status: str, exit_status: int = 0) -> dict[str, str]:
    """The findings of that status: name → message and how to mend it."""
    findings: list[dict[str, Any]] = terminal.json("doctor", status=exit_status)
    return {one["name"]: f"{one['message']} {one['mend']}" for one in findings if one["status"] == status}


def test_a_fresh_home_is_well_but_for_the_server_that_does_not_run(terminal: Terminal) -> None:
    assert found(terminal, "fail") == {}
    assert list(found(terminal, "warn")) == ["queue"]
    well = {"settings", "data folder", "disk", "database", "clock", "tables", "secret keys", "plugins", "balance"}
    well |= {"exposure", "secret strength"}
    assert set(found(terminal, "ok")) == well
    assert "ours serve" in terminal.text("doctor")


def test_wrong_and_unknown_settings(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_PROT", "8000")
    assert "OURS_PROT" in found(terminal, "warn")["settings"]
    monkeypatch.setenv("OURS_PORT", "http")
    assert "OURS_PORT" in found(terminal, "fail", 1)["settings"]


def test_a_data_folder_that_others_may_read(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "home").chmod(0o755)
    assert "chmod 700" in found(terminal, "fail", 1)["data folder"]


def test_a_disk_that_is_nearly_full(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_MIN_FREE_MB", str(10**9))
    assert "refused" in found(terminal, "fail", 1)["disk"]


def test_tables_of_another_version(terminal: Terminal, ours: Ours) -> None:
    migrate.downgrade(ours.store, "base")
    assert "ours db upgrade" in found(terminal, "fail", 1)["tables"]


def test_a_secret_key_that_was_lost(terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    _ = ours.store.lookup
    monkeypatch.setenv("OURS_SECRET_KEYS", KEY_OF_TESTS)
    assert "OURS_SECRET_KEYS" in found(terminal, "fail", 1)["secret keys"]


def test_who_was_forgotten_and_is_here_again(terminal: Terminal, ours: Ours) -> None:
    """As after a base backup and its log, which know nothing of it."""
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
    assert caller
    ours.accept.accept(caller, [Incoming(name="Purchase", occurred_at=now_ms(), user_id="u1")])
    assert ours.route.run() == 1
    assert found(terminal, "fail") == {}
    (visitor,) = terminal.json("visitor", "find", "u1")
    (ours.settings.home / "forgotten.log").write_text(f"{visitor['id']} {now_ms()}\n")
    said = found(terminal, "fail", 1)["forgotten"]
    assert "here: 1." in said
    assert "ours visitor forget --again" in said
    assert len(terminal.json("visitor", "forget", "--again")) == 1
    assert found(terminal, "fail") == {}


def test_a_database_that_is_away(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert "OURS_DATABASE_URL" in found(terminal, "fail", 1)["database"]


def test_a_queue_that_is_away(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_REDIS_URL", "redis://127.0.0.1:1")
    assert "OURS_REDIS_URL" in found(terminal, "warn")["queue"]


def test_postgresql_is_looked_at_too(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    assert found(terminal, "fail") == {}
    assert {"database", "clock", "tables", "balance"} <= set(found(terminal, "ok"))


def test_a_clock_that_was_set_back(terminal: Terminal, ours: Ours) -> None:
    with time_machine.travel(now_ms() / 1000 + 2 * HOUR / 1000, tick=True):
        caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
        assert caller is not None
        ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, external_id="1")])
    assert "future" in found(terminal, "warn")["clock"]


def test_a_clock_that_was_never_set(terminal: Terminal) -> None:
    with time_machine.travel(20):
        said = found(terminal, "fail", 1)
        assert list(said) == ["clock"]
        assert "It shows 1970-01-01T00:00:20" in said["clock"]
        assert "clock" not in found(terminal, "ok", 1)


def test_plugins_that_were_set_aside(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(tmp_path))
    assert "no such luck" in found(terminal, "warn")["plugins"]


def test_held_dispatches_and_a_balance_that_is_off(terminal: Terminal, ours: Ours) -> None:
    held = {"id": "1" * 32, "event_id": "2" * 32, "destination_id": 1, "mode": "live", "state": "held"}
    with ours.store.write() as connection:
        connection.execute(sa.insert(dispatches).values(held | {"attempts": 0, "created_at": 1, "updated_at": 1}))
    assert "1 dispatches are held" in found(terminal, "warn", 1)["backlog"]
    assert "off by -1" in found(terminal, "fail", 1)["balance"]


def test_a_decision_that_is_lost_while_another_is_one_too_many(terminal: Terminal, ours: Ours) -> None:
    """The balance is zero then."""
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
    assert caller is not None
    ours.destinations.add("file", "Archive", {"folder": "/nowhere"}, events=["*"], actor="cli")
    ours.destinations.add("file", "Other", {"folder": "/nowhere"}, events=["Sale"], actor="cli")
    ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, external_id="1")])
    ours.route.run()
    with ours.store.write() as connection:
        connection.execute(sa.update(dispatches).values(destination_id=2))
    ours.conservation.tick()
    told = terminal.json("doctor", status=1)
    (balance,) = [one for one in told if one["name"] == "balance"]
    assert (balance["status"], ours.overview.balance().difference) == ("fail", 0)
    assert balance["message"] == "2 pairs of event and destination are missing or duplicated."
    assert "ours balance --check" in balance["mend"]


def test_a_channel_that_did_not_take_an_alert(terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_ALERT_WEBHOOK", "http://127.0.0.1:1/")
    with closing(Ours(load())) as told:
        told.destinations.add("file", "Archive", {"folder": "/nowhere"}, events=["*"], actor="cli")
        with told.store.write() as connection:
            connection.execute(sa.update(tables.destinations).values(slug="gone"))
        told.alerts.run()
    assert "OURS_ALLOW_NETWORKS" in found(terminal, "warn", 1)["alerts"]


def test_a_server_that_the_network_reaches_in_clear(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_HOST", "0.0.0.0")
    monkeypatch.setenv("OURS_METRICS_TOKEN", "short")
    found_ = terminal.json("doctor")
    told = [f"{one['message']} {one['mend']}" for one in found_ if (one["name"], one["status"]) == ("exposure", "warn")]
    assert "OURS_TRUSTED_PROXIES" in told[0]
    assert "OURS_METRICS_TOKEN" in told[1]
    monkeypatch.setenv("OURS_TRUSTED_PROXIES", "1")
    assert "proxy is in front" in found(terminal, "ok")["exposure"]


def test_a_secret_key_that_somebody_made_up(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_SECRET_KEYS", base64.urlsafe_b64encode(b"password" * 4).decode())
    assert "openssl" in found(terminal, "fail", 1)["secret strength"]


def test_a_secret_key_that_this_machine_alone_has(
    terminal: Terminal, ours: Ours, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the data folder when the database moves from there, and is worth no word once it is set."""
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    assert "OURS_SECRET_KEYS" in found(terminal, "warn")["secret strength"]
    monkeypatch.setenv("OURS_SECRET_KEYS", (ours.settings.home / "secret.key").read_text().strip())
    assert "random" in found(terminal, "ok")["secret strength"]


def test_a_plugins_folder_that_anybody_may_write(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(folder))
    assert "chmod o-w" in found(terminal, "fail", 1)["plugins folder"]


def test_a_plugins_folder_that_is_not_there(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(tmp_path / "plguins"))
    assert "Correct OURS_PLUGINS_DIR" in found(terminal, "warn")["plugins folder"]


def test_a_scheduler_that_stopped_and_what_has_waited_since(terminal: Terminal, ours: Ours) -> None:
    Counting(ours.store).tick()
    assert "running" in found(terminal, "ok")["scheduler"]
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
    assert caller is not None
    ours.destinations.add("file", "Archive", {"folder": "/nowhere"}, events=["*"], actor="cli")
    ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, external_id="1")])
    ours.route.run()
    ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, external_id="2")])
    with time_machine.travel(now_ms() / 1000 + HOUR / 1000, tick=True):
        warned = terminal.json("doctor")
    told = [one["message"] for one in warned if one["status"] == "warn"]
    assert any("No scheduler" in message for message in told)
    assert any("waited 36" in message for message in told)
    assert any("Archive has had something due" in message for message in told)


def test_a_scheduler_that_was_never_started(terminal: Terminal, ours: Ours) -> None:
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").live_key)
    assert caller is not None
    ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, external_id="1")])
    assert "scheduler" not in found(terminal, "warn")
    with time_machine.travel(now_ms() / 1000 + HOUR / 1000, tick=True):
        ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=2, external_id="1")])
        assert "no alerts are sent" in found(terminal, "warn")["scheduler"]


def test_a_destination_that_answers_and_takes_nothing(terminal: Terminal, ours: Ours) -> None:
    hook = ours.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli")
    with ours.store.write() as connection:
        counters.note_rejected(connection, [Counted("attempts", hook.id, "live", "rejected", 0, 10)])
    assert "Hook takes nothing: the last 10 were rejected." in found(terminal, "warn")["destinations"]
    with ours.store.write() as connection:
        counters.note_rejected(connection, [Counted("attempts", hook.id, "live", "delivered", 0, 1)])
    assert "destinations" not in found(terminal, "warn")


def test_a_destination_without_its_plugin_or_its_credentials(terminal: Terminal, ours: Ours) -> None:
    gone = ours.destinations.add("file", "Gone", {"folder": "/nowhere"}, events=[], actor="cli")
    paused = ours.destinations.add("file", "Paused", {"folder": "/nowhere"}, events=[], actor="cli")
    with ours.store.write() as connection:
        destinations.change(connection, gone.id, {"slug": "vanished"})
        destinations.change(connection, paused.id, {"status": "paused", "paused_for": "auth_failed"})
    assert "vanished" in found(terminal, "fail", 1)["destinations"]
    assert "ours destination resume" in found(terminal, "warn", 1)["destinations"]


def test_tables_that_a_newer_version_has_migrated(terminal: Terminal, ours: Ours) -> None:
    with ours.store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert "Update this machine" in found(terminal, "warn")["tables"]
    assert "balance" in found(terminal, "ok")


def test_a_postgresql_that_would_lose_what_was_answered(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_database_url("postgresql")
    monkeypatch.setenv("OURS_DATABASE_URL", url)
    store = Store(load())
    with store.write() as connection:
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET statement_timeout = 500"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET transaction_timeout = 900"))
    store.close()
    warned = [one["message"] for one in terminal.json("doctor") if one["name"] == "PostgreSQL"]
    assert any("synchronous_commit is off" in message for message in warned)
    assert any("statement_timeout is 500 ms" in message for message in warned)
    assert any("transaction_timeout is 900 ms" in message for message in warned)


def test_a_postgresql_that_takes_no_writes(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    store = Store(load())
    assert store.lookup  # of an installation that has begun, the doctor writes nothing
    with store.write() as connection:
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    store.close()
    assert "answered 503" in found(terminal, "fail", 1)["database"]


def test_what_the_database_says_is_told_as_it_is(
    terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.cli.checks.database", Mock(side_effect=Busy("It can't be read.", cause="no time left")))
    assert found(terminal, "fail", 1)["database"].startswith("It can't be read (no time left). Check")


def test_a_process_that_keeps_the_turn_is_named_and_keeps_nobody_else_waiting(
    terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite: it may be stopped in the midst of a transaction."""
    monkeypatch.setattr("ours.cli.liveness._LONGEST_TURN", 0.2)
    with ours.store.turn():
        said = found(terminal, "fail", 1)["locks"]
    assert f"Process {os.getpid()} keeps others waiting" in said
    assert "kill -CONT" in said
    assert "locks" not in found(terminal, "fail", 0)


def test_who_keeps_others_out_of_the_database(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.store.connecting._BOUNDED", ("SET lock_timeout = 100",))
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    store = Store(load())
    assert store.lookup
    with store.write() as connection:
        holder = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        connection.execute(sa.text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        assert "locks" not in found(terminal, "fail", 1)  # it may have come just now
        monkeypatch.setattr(server, "LONG", 0)
        said = found(terminal, "fail", 1)
        assert f"Session {holder} " in said["locks"]
        assert f"pg_terminate_backend({holder})" in said["locks"]
        assert "another session keeps a lock" in said["database"]
    store.close()


def test_who_keeps_the_database_from_being_cleaned_up(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))
    with closing(Store(load())) as store, store.read() as connection:
        snapshot.take(connection)
        reader = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        assert "vacuum" not in found(terminal, "warn")  # nobody minds a few minutes
        monkeypatch.setattr(server, "VERY_LONG", 0)
        said = found(terminal, "warn")["vacuum"]
        assert f"Session {reader} " in said
        assert f"pg_terminate_backend({reader})" in said


def test_a_database_that_is_full(terminal: Terminal, ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Busy("It can't be written just now.", cause='could not extend file "base/5/6": No space left on device')
    monkeypatch.setattr(server, "try_to_write", Mock(side_effect=full))
    failed = [one for one in terminal.json("doctor", status=1) if one["status"] == "fail"]
    assert [one["name"] for one in failed] == ["database"]
    assert "No space left on device" in failed[0]["message"]
    assert failed[0]["mend"].startswith("Make room on the disk")


def test_what_our_role_may_not_do_is_named(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_database_url("postgresql")
    monkeypatch.setenv("OURS_DATABASE_URL", url)
    store = Store(load())
    assert store.lookup
    with store.write() as connection:
        owner = connection.scalar(sa.text("SELECT current_user"))
        connection.execute(sa.text("CREATE ROLE lesser LOGIN"))
        rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO lesser"
        connection.execute(sa.text(rights))
        connection.execute(sa.text("REVOKE INSERT, UPDATE ON events FROM lesser"))
    monkeypatch.setenv("OURS_DATABASE_URL", url.replace(f"//{owner}", "//lesser", 1))
    try:
        said = [one["message"] for one in terminal.json("doctor", status=1) if one["status"] != "ok"]
        result = terminal.run("db", "partition", "--yes")
    finally:
        with store.write() as connection:
            connection.execute(sa.text("DROP OWNED BY lesser"))
            connection.execute(sa.text("DROP ROLE lesser"))
        store.close()
    assert "Our role lacks the right to INSERT, UPDATE on TABLE events." in said
    assert "Our role lacks the right to SELECT, USAGE on SEQUENCE sources_id_seq." in said
    assert any(f"The tables belong to {owner}" in one for one in said)
    assert (result.exit_code, "Traceback" in result.stderr, "must be owner of table events" in result.stderr) == (
        1, False, True,
    )  # fmt: skip
