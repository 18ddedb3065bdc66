"""Everything in a file and back, and from one database to another: all of it, or nothing."""

import base64
import errno
import gzip
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from ours import clock
from ours.errors import Busy, Invalid, KeyMissing, Unsealable
from ours.services.audit import Audit, Filter
from ours.services.backup import Backup, form
from ours.services.metrics import Counting
from ours.services.metrics.counting import SCHEDULER
from ours.services.overview import Overview
from ours.services.people import People
from ours.services.sources import Sources
from ours.store import Store, binding, migrate
from ours.store.queries import counters, whole
from ours.store.sealing import Sealer
from ours.store.tables import metadata
from tests.cli.conftest import KEY_OF_TESTS
from tests.conftest import ENGINES
from tests.receiver import Receiver
from tests.services.conftest import MakeStore, Place, content


@pytest.fixture
def lived(place: Place, receiver: Receiver) -> Place:
    """An installation that has seen something of everything."""
    place.webhook(receiver)
    gone = place.webhook(receiver, "Gone")
    place.destinations.remove(gone, actor="cli")
    people = People(place.store)
    people.add("first@example.com", "admin", actor="cli")
    second, _ = people.add("second@example.com", "viewer", actor="cli")
    people.remove(second.id, actor="cli")
    place.track(user_properties={"email": "jane@example.com"}, event_properties={"naïve": "日本", "n": 1.5})
    place.track(mode="test")
    place.identify(external_id="x1")
    place.work()
    place.track()
    return place


@pytest.mark.parametrize("kind", ENGINES)
def test_a_backup_brings_back_every_row_on_either_database(
    lived: Place, kind: str, make_empty: MakeStore, tmp_path: Path
) -> None:
    file = tmp_path / "ours.backup"
    written = Backup(lived.store).write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert written.counts["events"] == 4
    other = make_empty(kind)
    done = []
    restored = Backup(other, again=[done.append]).restore(file)
    assert restored.counts == written.counts
    assert restored.difference == 0
    assert done == [other]
    assert _but_sessions(content(other)) == _but_sessions(content(lived.store))
    assert migrate.is_current(other)
    balance = Overview(other, lived.registry).balance()
    assert balance == Overview(lived.store, lived.registry).balance()


def _but_sessions(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Those end."""
    place = list(metadata.tables["people"].columns.keys()).index("session")
    return found | {"people": [(*row[:place], *row[place + 1 :]) for row in found["people"]]}


@pytest.mark.parametrize("kind", ENGINES)
def test_a_copy_goes_straight_and_numbers_are_never_given_out_again(
    lived: Place, kind: str, make_empty: MakeStore
) -> None:
    other = make_empty(kind)
    copied = Backup(lived.store).copy(other)
    assert copied.difference == 0
    assert content(other) == content(lived.store)
    third, _ = People(other).add("third@example.com", "viewer", actor="cli")
    assert third.id == 3
    assert Sources(other).add("Another", actor="cli").source.id == 2


def test_the_audit_log_keeps_that_everything_was_taken_out_and_put_back(
    lived: Place, make_empty: MakeStore, tmp_path: Path
) -> None:
    def moves(store: Store) -> list[str]:
        return [entry.verb for entry in Audit(store).list(wanted=Filter(subject="database"))]

    file, restored, copied = tmp_path / "ours.backup", make_empty("sqlite"), make_empty("sqlite")
    written = Backup(lived.store).write(file)
    Backup(restored).restore(file)
    Backup(lived.store).copy(copied)
    assert moves(lived.store) == ["copy", "back_up"]
    assert moves(restored) == ["restore", "back_up"]
    assert moves(copied) == ["restore", "copy", "back_up"]
    assert Audit(restored).list(1)[0].detail == {"taken_at": clock.iso(written.at), "rows": written.rows}


def test_a_database_that_takes_no_writes_can_be_backed_up(
    lived: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise Busy("It is read-only.", reason="database")

    _ = lived.store.lookup
    with monkeypatch.context() as patch:
        patch.setattr(lived.store, "write", refuse)
        assert Backup(lived.store).write(tmp_path / "ours.backup").counts["events"] == 4


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_was_put_back_works_on(lived: Place, make_empty: MakeStore, tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    other = make_empty("sqlite")
    Backup(other).restore(file)
    from ours.services.deliver import Deliver
    from ours.services.route import Route

    before = len(receiver.requests)
    deliver = Deliver(other, lived.registry, lived.settings)
    again = replace(lived, store=other, route=Route(other, lived.registry), deliver=deliver)
    again.work()
    deliver.close()
    assert len(receiver.requests) == before + 1
    assert Overview(other, lived.registry).balance().difference == 0


def test_what_was_put_back_is_not_said_to_be_at_work(lived: Place, make_empty: MakeStore, tmp_path: Path) -> None:
    Counting(lived.store).tick()
    Backup(lived.store).write(tmp_path / "ours.backup")
    other = make_empty("sqlite")
    Backup(other).restore(tmp_path / "ours.backup")
    with other.read() as connection, lived.store.read() as there:
        assert counters.noted(there, SCHEDULER)
        assert not counters.noted(connection, SCHEDULER)


def test_a_database_that_is_not_empty_is_left_alone(lived: Place, make_empty: MakeStore, tmp_path: Path) -> None:
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    other = make_empty("sqlite")
    migrate.upgrade(other)
    Sources(other).add("Precious", actor="cli")
    with pytest.raises(Invalid, match="not empty"):
        Backup(other).restore(file)
    with pytest.raises(Invalid, match="not empty"):
        Backup(lived.store).copy(other)
    assert [source.name for source in Sources(other).list()] == ["Precious"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_the_wrong_secret_keys_put_nothing_in(lived: Place, make_empty: MakeStore, tmp_path: Path) -> None:
    _ = lived.store.lookup
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    other = make_empty("sqlite", secret_keys=KEY_OF_TESTS)
    with pytest.raises(Unsealable):
        Backup(other).restore(file)
    with other.read() as connection:
        assert whole.filled(connection) == []


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_no_personal_value_nor_secret_is_in_the_file_in_clear(lived: Place, tmp_path: Path) -> None:
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    text = gzip.decompress(file.read_bytes())
    for word in (b"jane@example.com", "naïve".encode(), "日本".encode(), b"127.0.0.1"):
        assert word not in text


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_file_that_is_no_whole_backup_is_refused(lived: Place, make_empty: MakeStore, tmp_path: Path) -> None:
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    good = file.read_bytes()
    lines = gzip.decompress(good).splitlines(keepends=True)
    rows = [number for number, line in enumerate(lines) if line.startswith(b"[")]
    harmed = {
        "cut": good[:-20],
        **{f"flip {at}": good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in (30, 300, 900, len(good) - 6)},
        "a row that is none": gzip.compress(b"".join([*lines[: rows[0]], b"[1]\n", *lines[rows[0] + 1 :]])),
        "more": gzip.compress(b"".join([*lines, b"{}\n"])),
        "short": gzip.compress(b"".join(lines[:-1])),
        "count": gzip.compress(b"".join(lines[: rows[3]] + lines[rows[3] + 1 :])),
        "none": b"hello",
        "newer": gzip.compress(lines[0].replace(b'"version":2', b'"version":3') + b"".join(lines[1:])),
    }
    other = make_empty("sqlite")
    for harm in harmed.values():
        file.write_bytes(harm)
        for attempt in (Backup(other).check, Backup(other).restore):
            with pytest.raises(Invalid):
                attempt(file)
    assert not sa.inspect(other.engine).get_table_names()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_backup_that_was_changed_is_refused_and_one_of_before_there_were_seals_needs_a_word(
    lived: Place, make_empty: MakeStore, tmp_path: Path
) -> None:
    file = tmp_path / "ours.backup"
    Backup(lived.store).write(file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    first, *rows, last = lines
    older = first.replace(b'"version":2', b'"version":1')
    bare = orjson.dumps({"counts": orjson.loads(last)["counts"]}) + b"\n"
    another = Sealer((b"another key" * 3,)).seal(b"x", binding.backup())
    changed = {
        "a word": [first, *(row.replace(b'"admin"', b'"viewer"') for row in rows), last],
        "the moment": [first.replace(b'"at":1', b'"at":2'), *rows, last],
        "no seal": [first, *rows, bare],
        "version 1, seal and all": [older, *rows, last],
        "version 1": [older, *rows, bare],
    }
    assert all(changed[name] != lines for name in changed)
    other = make_empty("sqlite")
    for harm in changed.values():
        file.write_bytes(gzip.compress(b"".join(harm)))
        with pytest.raises(Invalid, match=r"was changed after|is damaged|before backups were sealed"):
            Backup(other).restore(file)
    forged = orjson.dumps(orjson.loads(last) | {"seal": base64.b64encode(another).decode()}) + b"\n"
    file.write_bytes(gzip.compress(b"".join([first, *rows, forged])))
    with pytest.raises(KeyMissing):
        Backup(other).restore(file)
    with other.read() as connection:
        assert whole.filled(connection) == []
    file.write_bytes(gzip.compress(b"".join([older, *rows, bare])))
    assert Backup(other).restore(file, sealed=False).difference == 0


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    store: Store, make_empty: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As written by a version that had three migrations less: with the tables of then."""
    migrate.downgrade(store, "0001")
    older = sa.MetaData()
    older.reflect(store.engine)
    older.remove(older.tables["alembic_version"])
    for table in older.tables.values():
        for column in table.columns:
            present = metadata.tables[table.name].columns.get(column.name)
            if present is not None:
                column.type = present.type
    source = sa.insert(older.tables["sources"]).values(name="Old", status="active", created_at=1)
    with store.write() as connection:
        connection.execute(source)
    file = tmp_path / "old.backup"
    with monkeypatch.context() as then:
        then.setattr(whole, "tables", lambda: older.sorted_tables)
        then.setattr(migrate, "head", lambda: "0001")
        then.setattr(whole, "sequences", lambda _connection: {})
        Backup(store).write(file)
    other = make_empty("sqlite")
    assert Backup(other).restore(file).counts["sources"] == 1
    assert migrate.is_current(other)
    assert [source.name for source in Sources(other).list()] == ["Old"]


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_only_a_newer_version_knows_of_is_left_out_of_nothing(
    store: Store, make_empty: MakeStore, tmp_path: Path
) -> None:
    file, other = tmp_path / "ours.backup", make_empty("sqlite")
    Backup(store).write(file)
    migrate.upgrade(other)
    for one in (store, other):
        with one.write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    moves = (lambda: Backup(store).write(file), lambda: Backup(store).copy(other), lambda: Backup(other).restore(file))
    for move in moves:
        with pytest.raises(Invalid, match="newer version of ours has migrated"):
            move()


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_nothing_is_left_of_a_backup_that_could_not_be_written(lived: Place, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be written"):
        Backup(lived.store).write(tmp_path / "nowhere" / "ours.backup")
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_a_read_only_disk_is_told_in_a_sentence(lived: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There even what is not there can't be removed."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("ours.services.backup.form.os.open", read_only)
    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(Invalid, match=r"ours\.backup can't be written: Read-only"):
        Backup(lived.store).write(tmp_path / "ours.backup")


def test_what_was_left_by_one_that_was_killed_is_taken_away_and_nothing_of_one_that_writes(tmp_path: Path) -> None:
    file = tmp_path / "ours[1].backup"
    left, anothers = tmp_path / ".ours[1].backup.abcd1234.part", tmp_path / ".ours.backup.abcd1234.part"
    left.touch()
    anothers.touch()
    with form.writing(file) as first:
        assert not left.exists()
        with form.writing(file) as second:
            second.write(b"second")
        first.write(b"first")
    assert sorted(tmp_path.iterdir()) == [anothers, file]


def test_two_that_write_the_same_file_at_once_write_no_mixture_of_both(tmp_path: Path) -> None:
    """One that a crontab began, say, and a person's."""
    path = tmp_path / "ours.backup"
    with form.writing(path) as slow:
        slow.write(b"slow " * 1000)
        with form.writing(path) as quick:
            quick.write(b"quick")
        assert gzip.decompress(path.read_bytes()) == b"quick"
    assert gzip.decompress(path.read_bytes()) == b"slow " * 1000
    assert list(tmp_path.iterdir()) == [path]
