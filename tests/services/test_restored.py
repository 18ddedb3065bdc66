"""What a restore must not bring back, and what becomes of one that is interrupted."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from ours import clock, ids
from ours.bootstrap import Ours
from ours.errors import Busy, Invalid
from ours.services import sweep
from ours.services.audit import Audit
from ours.services.backup import Backup
from ours.services.lockout import Lockout
from ours.services.people import People
from ours.services.route import Route
from ours.services.sources import Sources
from ours.services.tokens import Tokens
from ours.services.visitors import Visitors
from ours.services.visitors.forgetting import Forgetting
from ours.store import Store, key_hash, migrate
from ours.store.queries import dispatches, sources, whole
from ours.store.tables import dispatches as dispatches_table
from ours.store.tables import events, forgotten
from tests.conftest import ENGINES
from tests.receiver import Receiver
from tests.services.conftest import MakeStore, Place


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ours.backup"


def _visitor(place: Place) -> str:
    with place.store.read() as connection:
        return str(connection.scalar(sa.select(events.c.visitor_id).limit(1)))


@pytest.mark.parametrize("kind", ENGINES)
def test_what_was_revoked_removed_or_forgotten_in_the_old_database_stays_so(
    place: Place, kind: str, make_empty: MakeStore, file: Path
) -> None:
    people, tokens, callers = People(place.store), Tokens(place.store), Sources(place.store)
    boss, _ = people.add("boss@example.com", "admin", actor="cli")
    gone, _ = people.add("gone@example.com", "admin", actor="cli")
    demoted, _ = people.add("demoted@example.com", "editor", actor="cli")
    leaked, text = tokens.add("leaked", ["balance:read"], actor="cli")
    made = callers.add("Second", actor="cli")
    place.track()
    place.route.run()
    Backup(place.store).write(file)
    people.remove(gone.id, actor="cli")
    people.set_role(demoted.id, "viewer", actor="cli")
    ended = people.end_sessions(boss.id, actor="cli")
    tokens.revoke(leaked.id, actor="cli")
    rotated = callers.rotate(made.source.id, "live", 0, actor="cli")
    later, _ = people.add("later@example.com", "viewer", actor="cli")
    whom = _visitor(place)
    Visitors(place.store, place.route, place.settings.home).forget(whom, actor="cli")
    other = make_empty(kind)
    moved = Backup(other).restore(file, place.store)
    assert [(one.email, one.role) for one in People(other).list()] == [
        ("boss@example.com", "admin"), ("demoted@example.com", "viewer"), ("later@example.com", "viewer")
    ]  # fmt: skip
    assert People(other).get(boss.id).session == ended.session
    assert Tokens(other).authenticate(text) is None
    with other.read() as connection:
        now = clock.now_ms() + 1
        callers = [sources.caller_by_hash(connection, key_hash(key), now) for key in (made.live_key, rotated)]
        assert [one is not None and bool(one.works) for one in callers] == [False, True]
        assert connection.scalars(sa.select(forgotten.c.visitor_id)).all() == [whom]
    verbs = [entry.verb for entry in Audit(other).list()]
    assert verbs[0] == "restore"
    assert {"forget", "revoke", "end_sessions", "set_role"} <= set(verbs)
    assert moved.difference == 0
    assert People(other).add("next@example.com", "viewer", actor="cli")[0].id == later.id + 1


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_a_forgetting_that_died_in_the_old_database_had_taken_is_counted_once(
    place: Place, make_empty: MakeStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.track()
    place.route.run()
    Backup(place.store).write(file)

    def die(*_: object) -> None:
        raise Busy("The database went away.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Forgetting, "_router_still", die)
        with pytest.raises(Busy):
            Visitors(place.store, place.route, place.settings.home).forget(_visitor(place), actor="cli")
    other = make_empty("sqlite")
    Backup(other).restore(file, place.store)
    route = Route(other, place.registry)
    (receipt,) = Visitors(other, route, place.settings.home).reapply_forgotten(actor="cli")
    assert receipt.events == 1


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_another_installation_says_nothing_of_who_may_do_what(place: Place, make_empty: MakeStore, file: Path) -> None:
    Backup(place.store).write(file)
    other, stranger = make_empty("sqlite"), make_empty("sqlite")
    Backup(place.store).copy(stranger)
    with stranger.write() as connection:
        connection.exec_driver_sql("DELETE FROM keepsakes")
    with pytest.raises(Invalid, match="belongs to another installation"):
        Backup(other).restore(file, stranger)
    with other.read() as connection:
        assert whole.filled(connection) == []


@pytest.mark.parametrize("kind", ENGINES)
def test_without_the_old_database_it_names_what_is_good_again_and_ends_all_sessions(
    place: Place, kind: str, make_empty: MakeStore, file: Path, receiver: Receiver
) -> None:
    boss, _ = People(place.store).add("boss@example.com", "admin", actor="cli")
    People(place.store).end_sessions(boss.id, actor="cli")
    Tokens(place.store).add("crm", ["balance:read"], actor="cli")
    place.webhook(receiver)
    Backup(place.store).write(file)
    since = People(place.store).end_sessions(boss.id, actor="cli")
    moved = Backup(make_empty(kind)).restore(file)
    assert moved.access
    assert moved.access.keys == ["Shop (live 1)", "Shop (test 2)"]
    assert moved.access.tokens == ["crm (1)"]
    assert moved.access.people == ["boss@example.com (admin)"]
    assert len(moved.access.destinations) == 1
    other = make_empty(kind) if kind == "sqlite" else None
    if other:
        Backup(other).restore(file)
        assert People(other).get(boss.id).session > since.session + 1000


@pytest.mark.parametrize("kind", ENGINES)
def test_one_that_was_interrupted_is_finished_by_the_same_backup_alone(
    place: Place, kind: str, make_empty: MakeStore, file: Path, tmp_path: Path
) -> None:
    place.track()
    Backup(place.store).write(file)
    another = tmp_path / "another.backup"
    place.track()
    clock_was = Backup.check(file).at
    while clock.now_ms() == clock_was:
        pass
    Backup(place.store).write(another)
    other, done = make_empty(kind), []

    def fail(_store: Store) -> None:
        raise Busy("Something of this visitor is still in a worker's hand.")

    with pytest.raises(Busy):
        Backup(other, again=[fail]).restore(file)
    with other.read() as connection:
        assert whole.unfinished(connection) == clock_was
    with pytest.raises(Invalid, match=f"interrupted here: finish it with the backup of {clock.iso(clock_was)} first"):
        Backup(other, again=[done.append]).restore(another)
    assert Backup(other, again=[done.append]).restore(file).counts["events"] == 1
    assert done == [other]
    with other.read() as connection:
        assert whole.unfinished(connection) == 0


@pytest.mark.parametrize("kind", ENGINES)
def test_tables_whose_rows_were_not_put_in_are_no_new_installation(
    place: Place, kind: str, make_empty: MakeStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that began there would answer every caller 401, and no restore could be put in any more."""
    place.track()
    Backup(place.store).write(file)
    here = Ours(place.settings)
    here.store = make_empty(kind)

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(whole, "load", killed)
        with pytest.raises(KeyboardInterrupt):
            Backup(here.store).restore(file)
    with pytest.raises(Invalid, match="before anything was in"):
        here.prepare()
    Backup(here.store).restore(file)
    here.prepare()


@pytest.mark.parametrize("kind", ENGINES)
def test_so_it_is_of_a_backup_whose_version_kept_no_note_of_that(
    place: Place, kind: str, make_empty: MakeStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever came meanwhile would also have given the tables their present shape, while rows of the old one come."""
    here, current = Ours(place.settings), []
    here.store = other = make_empty(kind)

    def killed(*_: object) -> int:
        with other.engine.connect() as connection:
            current.append(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == migrate.head())
        raise KeyboardInterrupt

    with monkeypatch.context() as then:
        then.setattr(migrate, "head", lambda: "0007")
        then.setattr(migrate, "is_ahead", lambda _store: False)
        Backup(place.store).write(file)
    with monkeypatch.context() as patch:
        patch.setattr(whole, "load", killed)
        with pytest.raises(KeyboardInterrupt):
            Backup(other).restore(file)
    assert current == [True]
    with pytest.raises(Invalid, match="before anything was in"):
        here.prepare()


@pytest.mark.parametrize("kind", ENGINES)
def test_of_two_at_once_the_second_is_told_of_the_first_and_takes_nothing_back(
    place: Place, kind: str, make_empty: MakeStore, file: Path
) -> None:
    """It would call the backup changed, and a server would start before whoever was forgotten is forgotten again."""
    place.track()
    Backup(place.store).write(file)
    other, begun, told = make_empty(kind), Event(), Event()

    def wait(_store: Store) -> None:
        begun.set()
        assert told.wait(30)

    with ThreadPoolExecutor() as beside:
        first = beside.submit(Backup(other, again=[wait]).restore, file)
        assert begun.wait(30)
        for second in (lambda: Backup(other).restore(file), lambda: Backup(place.store).copy(other)):
            with pytest.raises(Invalid, match="is under way"):
                second()
        with other.read() as connection:
            assert whole.unfinished(connection)
        told.set()
        assert first.result().counts["events"] == 1


def test_what_was_being_sent_is_in_nobodys_hand_after_a_restore(
    place: Place, make_empty: MakeStore, file: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever was forgotten since can be forgotten again, though nothing runs here that would free it."""
    place.webhook(receiver)
    for _ in range(3):
        place.track()
    place.route.run()
    monkeypatch.setattr(sweep, "_BATCH", 2)
    with place.store.write() as connection:
        far = clock.now_ms() + clock.DAY
        values = {"state": "sending", "lease": f"w{ids.new_id()}", "lease_until": far, "due_at": None}
        connection.execute(sa.update(dispatches_table).values(values))
    Backup(place.store).write(file)
    other = make_empty("sqlite")
    ours = Ours(place.settings)
    ours.store = other
    ours.backup.restore(file)
    with other.read() as connection:
        assert not dispatches.lost(connection, clock.now_ms() + 2 * clock.DAY, 1)
        states = set(connection.scalars(sa.select(dispatches_table.c.state)))
    assert states == {"retrying"}
    ours.close()


def test_a_lockout_refuses_tokens_passwords_and_if_asked_keys(place: Place) -> None:
    people, tokens = People(place.store), Tokens(place.store)
    boss, password = people.add("boss@example.com", "admin", actor="cli")
    _, text = tokens.add("crm", ["balance:read"], actor="cli")
    assert Lockout(place.store).preview(with_keys=True).keys == 2
    done = Lockout(place.store).run(with_keys=False, actor="cli")
    assert (done.tokens, done.people, done.keys) == (1, 1, 0)
    assert tokens.authenticate(text) is None
    assert people.sign_in("boss@example.com", password) is None
    assert people.get(boss.id).session > boss.session
    assert people.sign_in("boss@example.com", people.reset("boss@example.com", actor="cli"))
    with place.store.read() as connection:
        assert len(sources.good_keys(connection, clock.now_ms())) == 2
    Lockout(place.store).run(with_keys=True, actor="cli")
    with place.store.read() as connection:
        assert not sources.good_keys(connection, clock.now_ms())
    assert Audit(place.store).list(1)[0].verb == "lock_out"


@pytest.mark.parametrize("kind", ENGINES)
def test_an_edited_backup_whose_values_the_tables_refuse_is_refused_in_a_sentence(
    place: Place, kind: str, make_empty: MakeStore, file: Path
) -> None:
    People(place.store).add("boss@example.com", "viewer", actor="cli")
    Backup(place.store).write(file)
    text = gzip.decompress(file.read_bytes()).replace(b'"viewer"', b'"king"')
    file.write_bytes(gzip.compress(text.replace(b'"version":2', b'"version":1', 1)))
    other = make_empty(kind)
    with pytest.raises(Invalid, match="Nothing was put in"):
        Backup(other).restore(file, sealed=False)
    with other.read() as connection:
        assert whole.filled(connection) == []
