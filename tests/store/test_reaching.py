"""A database that can't be had is told in one sentence that says what to do about it."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from ours.errors import Busy, SettingsInvalid
from ours.settings import Settings
from ours.store import Store, reaching
from tests.cli.conftest import Terminal
from tests.whole.conftest import free_port


def problem(settings: Settings) -> str:
    with closing(Store(settings)) as store, pytest.raises(SettingsInvalid) as caught:
        store.reach()
    ((name, said),) = caught.value.problems.items()
    return f"{name}: {said}"


def refusal(settings: Settings) -> str:
    with closing(Store(settings)) as store, pytest.raises(Busy) as caught:
        store.reach()
    return str(caught.value)


def test_a_folder_that_is_not_there(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    said = problem(make_settings(database_url=f"sqlite:///{tmp_path}/missing/x.db"))
    assert said == (f"OURS_DATABASE_URL: There is no folder {tmp_path}/missing. Make it, or name a file in another.")
    assert not (tmp_path / "missing").exists()


def test_a_folder_in_place_of_a_file(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    assert "is a folder. Name a file in it" in problem(make_settings(database_url=f"sqlite:///{tmp_path}"))


@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
def test_a_folder_that_may_not_be_written(make_settings: Callable[..., Settings], there: bool) -> None:
    """Even if the file itself may be: SQLite makes files beside it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        settings = make_settings(database_url=f"sqlite:///{folder}/x.db")
        if there:
            (folder / "x.db").touch()
            (folder / "x.db").chmod(0o666)
        folder.chmod(0o555)
        with somebody():
            said = problem(settings)
        folder.chmod(0o755)
    assert f"OURS_DATABASE_URL: {folder}/x.db can't be written (permission denied)." in said


def test_a_disk_that_became_read_only(
    make_settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even root may write there, and whoever needs a backup now is told how to come by one."""
    settings = make_settings(database_url=f"sqlite:///{tmp_path}/x.db")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert f"{tmp_path}/x.db lies on a disk that takes no writes." in problem(settings)


@contextmanager
def somebody() -> Iterator[None]:
    """We are root perhaps, who may write anywhere; for a moment we are not."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.mark.parametrize("in_home", [False, True])
def test_a_file_that_is_no_database(make_settings: Callable[..., Settings], tmp_path: Path, in_home: bool) -> None:
    settings = make_settings(database_url="" if in_home else f"sqlite:///{tmp_path}/ours.db")
    ((settings.home if in_home else tmp_path) / "ours.db").write_text("This is a letter. " * 100)
    name = "OURS_HOME" if in_home else "OURS_DATABASE_URL"
    assert problem(settings) == f"{name}: The database can't be opened: file is not a database. Name another."


def test_an_address_that_is_none(make_settings: Callable[..., Settings]) -> None:
    said = problem(make_settings(database_url="postgresql://u:p@ss:word@host:port/x"))
    assert "Write @, :, / in it as %40, %3A, %2F." in said


def test_a_host_that_is_not_found_and_one_that_does_not_answer(make_settings: Callable[..., Settings]) -> None:
    said = refusal(make_settings(database_url="postgresql://u:p@no-such-host.invalid/x"))
    assert "failed to resolve host" in said
    assert said.endswith("Check the host in OURS_DATABASE_URL.")
    said = refusal(make_settings(database_url="postgresql://u:p@127.0.0.1:1/x"))
    assert said.endswith("Check that it runs, and OURS_DATABASE_URL.")


def test_what_a_server_refuses_says_what_is_wrong(make_settings: Callable[..., Settings], postgres: str) -> None:
    user = postgres.partition("//")[2].partition(":")[0].partition("@")[0]
    said = refusal(make_settings(database_url=postgres.replace("/postgres?", "/nowhere?")))
    assert 'database "nowhere" does not exist' in said
    assert said.endswith("or make the database: createdb NAME.")
    said = refusal(make_settings(database_url=postgres.replace(f"//{user}", "//nobody", 1)))
    assert 'role "nobody" does not exist' in said
    assert said.endswith("or make it: createuser NAME.")
    with _asked_for_a_password(postgres, "guarded"):
        said = refusal(make_settings(database_url=postgres.replace(f"//{user}", "//guarded", 1)))
        assert said.endswith("Check the user and the password in OURS_DATABASE_URL.")
        wrong = postgres.replace(f"//{user}@", "//guarded:wrong@", 1).replace(f"//{user}:", "//guarded:wrong", 1)
        said = refusal(make_settings(database_url=wrong))
        assert said.endswith("Check the user and the password in OURS_DATABASE_URL.")


def test_a_server_that_takes_no_more_connections_is_told_from_a_user_that_it_does_not_know(
    make_settings: Callable[..., Settings], postgres: str
) -> None:
    user = postgres.partition("//")[2].partition(":")[0].partition("@")[0]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            said = refusal(make_settings(database_url=postgres.replace(f"//{user}", "//crowded", 1)))
        finally:
            connection.execute("DROP ROLE crowded")
    assert 'too many connections for role "crowded"' in said
    assert said.endswith("or run fewer processes of ours.")
    for words in ("sorry, too many clients already", "remaining connection slots are reserved for roles"):
        assert reaching.remedy(f"connection failed: FATAL:  {words}").startswith("Raise its max_connections")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_does_not_keep_text_as_utf_8(
    make_settings: Callable[..., Settings], postgres: str, encoding: str
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        make = f"CREATE DATABASE odd ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(make)  # type: ignore[arg-type]
        try:
            said = problem(make_settings(database_url=postgres.replace("/postgres?", "/odd?")))
        finally:
            connection.execute("DROP DATABASE odd")
    assert said.startswith(f"OURS_DATABASE_URL: The database can't be opened: it keeps text as {encoding}, not as UTF8")


@contextmanager
def _asked_for_a_password(postgres: str, role: str) -> Iterator[None]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")  # type: ignore[arg-type]
        (path,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        file, before = Path(path), Path(path).read_text()
        file.write_text(f"local all {role} scram-sha-256\nhost all {role} all scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            file.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", [("serve",), ("web",), ("worker", "route"), ("db", "upgrade")])
def test_every_verb_says_it_in_a_sentence(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", f"sqlite:///{tmp_path}/missing/x.db")
    monkeypatch.setenv("OURS_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("OURS_PORT", str(free_port()))
    result = Terminal().run(*verb)
    gc.enable()  # a server that is to start looks for no garbage meanwhile
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: These settings are wrong:\n  OURS_DATABASE_URL: There is no folder")


def test_a_verb_that_only_looks_and_the_doctor_say_that_nothing_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = tmp_path / "missing" / "x.db"
    monkeypatch.setenv("OURS_DATABASE_URL", f"sqlite:///{missing}")
    sentence = f"There is no installation in {missing}, which OURS_DATABASE_URL names."
    assert Terminal().run("event", "list").stderr.startswith(f"Error: {sentence}")
    found = Terminal().json("doctor", status=1)
    assert [one["message"] for one in found if one["status"] == "fail"] == [sentence]
    assert not missing.parent.exists()


@pytest.mark.parametrize("said", ["disk I/O error", "database or disk is full"])
def test_a_disk_that_takes_nothing_is_looked_at_and_no_address(said: str) -> None:
    assert reaching.remedy(said).startswith("Check the disk")
