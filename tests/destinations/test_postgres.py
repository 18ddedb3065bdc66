"""The table sink, against a real PostgreSQL."""

import socket
import socketserver
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from destinations.postgres import Postgres, verdict
from ours.plugin import (
    Delivered,
    Duplicate,
    Network,
    NetworkRefused,
    Rejected,
    Retry,
    Unauthorized,
    ValidationError,
    load_settings,
)
from ours.plugin.testing import DestinationContract, sample_delivery, sample_event

TABLE = "CREATE TABLE events (id text PRIMARY KEY, type text, occurred_at timestamptz, data jsonb)"
OPEN = Network(lambda _: True)
UNREACHABLE = "No connection to PostgreSQL came about."
GIVEN = {"host": "warehouse.example.com", "database": "warehouse", "user": "ours", "password": "opensesame-9"}


class TestPostgres(DestinationContract):
    destination = Postgres
    settings: ClassVar = GIVEN


Database = tuple[dict[str, Any], Callable[..., list[Any]]]


@pytest.fixture
def database(make_database_url: Callable[[str], str]) -> Database:
    """Settings that lead to a fresh database with the table, and a way to ask it."""
    url = make_database_url("postgresql")
    parts = urlsplit(url)
    settings = {
        "host": parse_qs(parts.query)["host"][0],
        "database": parts.path[1:],
        "user": parts.username,
        "sslmode": "disable",
    }

    def ask(statement: str) -> list[Any]:
        with psycopg.connect(url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    ask("CREATE SCHEMA own")
    ask(TABLE.replace("events", "own.events"))
    return {**settings, "table": "own.events"}, ask


def deliver(settings: dict[str, Any], *ids: str, network: Network = OPEN, **changes: Any) -> Any:
    values, plugin = load_settings(Postgres, settings), Postgres()
    items = [plugin.item(sample_delivery(settings=values, id=one, **changes)) for one in ids]
    return plugin.send(plugin.pack(items, values), values, network)


def test_each_event_is_a_row_and_a_repeat_is_a_duplicate(database: Database) -> None:
    settings, ask = database
    assert deliver(settings, "a", "b") == [Delivered(), Delivered()]
    assert deliver(settings, "b", "c", "c") == [Duplicate(), Delivered(), Delivered()]
    assert ask("SELECT id, type, occurred_at = '2026-11-18T11:06:35Z' FROM own.events ORDER BY id") == [
        (one, "Order Completed", True) for one in "abc"
    ]
    [(bag,)] = ask("SELECT data -> 'properties' FROM own.events WHERE id = 'a'")
    assert bag == sample_event().event_properties


def test_a_server_that_is_full_is_tried_again_and_nobody_is_told_to_look_at_the_password(database: Database) -> None:
    settings, ask = database
    ask("CREATE ROLE own_clerk LOGIN")
    crowd: list[Any] = []
    try:
        with suppress(psycopg.OperationalError):
            while True:
                crowd.append(psycopg.connect(f"host={settings['host']} dbname={settings['database']} user=own_clerk"))
        assert deliver(settings | {"user": "own_clerk"}, "a") == Retry("unreachable", UNREACHABLE)
    finally:
        for one in crowd:
            one.close()
        ask("DROP ROLE own_clerk")


@pytest.mark.parametrize(
    "said",
    [
        "the database system is shutting down",
        "the database system is in recovery mode",
        "the database system is not yet accepting connections",
        "sorry, too many clients already",
        "query_wait_timeout",
    ],
)
def test_a_server_that_takes_nobody_just_now_is_tried_again(said: str) -> None:
    assert verdict(psycopg.OperationalError(f"connection failed: FATAL:  {said}")) == Retry("unreachable", UNREACHABLE)


def test_a_name_that_sounds_like_a_rush_is_still_a_wrong_name() -> None:
    assert isinstance(verdict(psycopg.OperationalError('FATAL:  role "timeout" does not exist')), Unauthorized)


def test_a_row_that_can_not_be_stored_is_rejected_without_its_words(database: Database) -> None:
    settings, ask = database
    refused = deliver(settings, "a", fields={"text": "secret\0text"})
    assert isinstance(refused, Rejected)
    assert refused.code == "sqlstate_22p05"
    assert "secret" not in refused.message
    ask("ALTER TABLE own.events ADD CHECK (data ->> 'text' <> 'no-one')")
    refused = deliver(settings, "a", "b", fields={"text": "no-one"})
    assert refused == Rejected("sqlstate_23514", "PostgreSQL refused it: CheckViolation (23514).")
    assert ask("SELECT count(*) FROM own.events") == [(0,)]


def test_what_is_configured_wrong_is_not_the_events_fault(database: Database) -> None:
    settings, ask = database
    assert isinstance(deliver(settings | {"table": "nowhere"}, "a"), Unauthorized)
    assert deliver(settings | {"database": "nowhere"}, "a").code == "sign_in_refused"
    assert deliver(settings | {"user": "nobody"}, "a").code == "sign_in_refused"
    ask("CREATE ROLE powerless LOGIN") if not ask("SELECT 1 FROM pg_roles WHERE rolname = 'powerless'") else None
    assert deliver(settings | {"user": "powerless"}, "a").code == "sqlstate_42501"


def test_a_server_that_can_not_be_reached_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = deliver(GIVEN | {"host": "127.0.0.1", "port": port}, "a")
    assert outcome == Retry("unreachable", UNREACHABLE)


@pytest.fixture
def secure(tls: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that speaks as PostgreSQL does up to the sign-in, which it refuses; over TLS."""

    class Refusing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(8)
            self.request.sendall(b"S")
            with suppress(OSError), tls.wrap_socket(self.request, server_side=True) as encrypted:
                encrypted.recv(2000)
                said = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"
                encrypted.sendall(b"E" + (len(said) + 4).to_bytes(4) + said)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
def test_a_server_is_verified_by_the_authorities_that_the_machine_trusts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path, secure: int, sslmode: str
) -> None:
    settings = GIVEN | {"host": "127.0.0.1", "port": secure, "sslmode": sslmode}
    monkeypatch.setenv("HOME", str(tmp_path))  # whoever runs this may have authorities of their own
    unknown = deliver(settings, "a").code
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert deliver(settings, "a").code == "sign_in_refused"
    assert unknown == ("sign_in_refused" if sslmode == "require" else "tls_failed")


@pytest.mark.parametrize("variable", ["PGPASSWORD", "PGPASSFILE"])
def test_a_server_of_an_editors_choosing_is_not_sent_a_password_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:opensesame-7\n")
    file.chmod(0o600)
    monkeypatch.setenv(variable, str(file) if variable == "PGPASSFILE" else "opensesame-7")
    with socket.create_server(("127.0.0.1", 0)) as server:
        said: list[bytes] = []
        thread = Thread(target=lambda: said.append(_asked_for_a_password(server)), daemon=True)
        thread.start()
        given = {**GIVEN, "host": "127.0.0.1", "port": server.getsockname()[1], "sslmode": "disable"}
        del given["password"]
        deliver(given, "a")
        thread.join(10)
    assert len(said) == 1
    assert b"opensesame" not in said[0]


def _asked_for_a_password(server: socket.socket) -> bytes:
    """All that a client says to a server that wants a password in clear."""
    connection, _ = server.accept()
    with connection:
        hello = connection.recv(4096)
        connection.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
        return hello + connection.recv(4096)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "/run/postgresql"])
def test_a_server_that_may_not_be_reached_is_refused(host: str) -> None:
    with pytest.raises(NetworkRefused, match="OURS_ALLOW_NETWORKS"):
        deliver(GIVEN | {"host": host}, "a", network=Network(lambda _: False))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.SerializationFailure, Retry),
        (psycopg.errors.DeadlockDetected, Retry),
        (psycopg.errors.DiskFull, Retry),
        (psycopg.errors.AdminShutdown, Retry),
        (psycopg.errors.QueryCanceled, Retry),
        (psycopg.errors.LockNotAvailable, Retry),
        (psycopg.errors.ReadOnlySqlTransaction, Unauthorized),
        (psycopg.errors.UndefinedColumn, Unauthorized),
        (psycopg.errors.NotNullViolation, Rejected),
        (psycopg.errors.InvalidTextRepresentation, Rejected),
    ],
)
def test_the_verdict_goes_by_sqlstate(error: type[psycopg.Error], kind: type) -> None:
    assert isinstance(verdict(error("the server's words")), kind)


@pytest.mark.parametrize("table", ["events; DROP TABLE events", 'ev"ents', "a.b.c", ""])
def test_a_table_has_a_plain_name(table: str) -> None:
    with pytest.raises(ValidationError, match="table"):
        load_settings(Postgres, GIVEN | {"table": table or " "})


@pytest.mark.parametrize(
    "host", ["postgresql://ours:pw@db.example.com/warehouse", "https://db", "db:5432", "ours@db", "db/warehouse", "a,b"]
)
def test_a_host_that_holds_more_than_its_name_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="alone"):
        load_settings(Postgres, GIVEN | {"host": host})


@pytest.mark.parametrize("host", ["db", "db.example.com", "192.0.2.7", "::1", "fe80::1%eth0", "/var/run/postgresql"])
def test_a_host_is_a_name_an_address_or_the_folder_of_a_socket(host: str) -> None:
    assert load_settings(Postgres, GIVEN | {"host": host})["host"] == host
