"""The sealing key is changed while everything runs: whatever an old key sealed is sealed anew, and nothing is lost."""

import base64
import gc
import os
import secrets as randomness
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyotp import TOTP
from sqlalchemy import text

from ours import clock, processes
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.errors import Forbidden, Invalid, KeyMissing, Unsealable
from ours.services import secrets as service
from ours.services.actors import Actor
from ours.services.people import codes
from ours.settings import Settings, load, ring
from ours.store import migrate
from tests.conftest import KEY
from tests.receiver import Receiver
from tests.whole.conftest import until

NEW = base64.urlsafe_b64encode(bytes(range(32))).decode()


@pytest.fixture
def open_with(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str], engine_kind: str
) -> Iterator[Callable[[str], Ours]]:
    """The same installation, opened with another ring."""
    address, opened = make_database_url(engine_kind), []

    def make(ring: str) -> Ours:
        settings = make_settings(secret_keys=ring, database_url=address, allow_networks="127.0.0.0/8")
        opened.append(Ours(settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def fill(here: Ours, receiver: Receiver, count: int = 5) -> list[str]:
    made = here.sources.add("Shop", actor="cli")
    here.destinations.add("webhook", "Hook", {"url": receiver.url}, events=["*"], actor="cli")
    caller = here.accept.authenticate(made.live_key)
    assert caller
    items = [Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id=f"u{number}") for number in range(count)]
    ids = [receipt.event_id for receipt in here.accept.accept(caller, items)]
    work(here)
    person, password = here.people.add("ada@example.com", "viewer", actor="cli")
    secret = codes.new_secret()
    here.second_factors.set(person.id, secret, password=password, code=TOTP(secret).now())
    here.close()
    return ids


def work(here: Ours) -> None:
    while here.route.run():
        pass
    here.deliver.drain(threading.Event(), 20)


def older(here: Ours) -> dict[str, int]:
    return {one.name: one.older for one in here.secrets.status()}


def rotations(here: Ours) -> list[dict[str, Any]]:
    """What the audit log says of each, the newest first."""
    return [dict(one.detail) for one in here.audit.list(50) if one.verb == "rotate"]


def test_after_rotating_the_old_key_is_needed_for_nothing(open_with: Callable[[str], Ours], receiver: Receiver) -> None:
    ids = fill(open_with(KEY), receiver)
    both = open_with(f"{NEW},{KEY}")
    assert older(both) == {
        "keepsakes": 1, "keys": 2, "destinations": 1, "visitors": 5, "events": 5, "attempts": 5, "versions": 1,
        "second factors": 1,
    }  # fmt: skip
    assert both.secrets.any_old()
    assert both.secrets.rotate(actor="cli") == 21
    assert set(older(both).values()) == {0}
    assert not both.secrets.any_old()
    assert both.secrets.rotate(actor="cli") == 0
    alone = open_with(NEW)
    assert [alone.overview.event_json(one)["event"] for one in ids] == ["Purchase"] * 5
    dispatch = alone.overview.event_json(ids[0])["dispatches"][0]["id"]
    assert alone.overview.dispatch_json(dispatch)["attempts"][0]["request"]["method"] == "POST"
    assert alone.sources.keys(1)[0].text
    assert alone.second_factors.recovery_left(alone.people.find("ada@example.com").id) == 8
    assert alone.visitors.find("u1", "userId", actor="cli")
    assert alone.destinations.get(1).settings_shown["url"] == receiver.url


def test_it_may_be_interrupted_and_done_again(
    open_with: Callable[[str], Ours], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_CHUNK", 2)
    fill(open_with(KEY), receiver)
    both = open_with(f"{NEW},{KEY}")

    def pull_the_plug(name: str, _count: int) -> None:
        if name == "events":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both.secrets.rotate(pull_the_plug, actor="cli")
    assert older(both) == {
        "keepsakes": 0,
        "keys": 0,
        "destinations": 0,
        "second factors": 0,
        "visitors": 0,
        "events": 3,
        "attempts": 5,
        "versions": 1,
    }
    key = both.store.sealer.key_ids[0]
    assert rotations(both) == [{"key": key}]
    assert both.secrets.rotate(actor="cli") == 9
    assert set(older(both).values()) == {0}
    assert rotations(both) == [{"key": key, "values": 9}, {"key": key}, {"key": key}]


def test_what_others_change_meanwhile_is_theirs(open_with: Callable[[str], Ours], receiver: Receiver) -> None:
    fill(open_with(KEY), receiver)
    both = open_with(f"{NEW},{KEY}")
    with both.store.read() as connection:
        shelf = next(one for one in service.SHELVES if one.name == "destinations")
        (before,) = service.queries.page(connection, shelf, None, 10)
    both.destinations.update(1, settings={"url": "https://example.com/new"}, actor="cli")
    with both.store.write() as connection:
        assert service.queries.replace(connection, shelf, both.secrets._anew([before], service.Unopened())) == 0
    assert both.destinations.get(1).settings_shown["url"] == "https://example.com/new"


def test_a_value_whose_key_is_gone_is_said_and_not_thrown_away(
    open_with: Callable[[str], Ours], receiver: Receiver
) -> None:
    fill(open_with(KEY), receiver)
    third = base64.urlsafe_b64encode(randomness.token_bytes(32)).decode()
    with pytest.raises(Unsealable, match="Add the old key"):
        open_with(f"{NEW},{third}").secrets.rotate(actor="cli")
    assert set(older(open_with(KEY)).values()) == {0}


def test_of_what_cannot_be_opened_nothing_is_kept_in_memory(
    open_with: Callable[[str], Ours], receiver: Receiver
) -> None:
    """There may be a million of them, each with the frames that it was raised in."""
    fill(open_with(KEY), receiver, 20)
    third = base64.urlsafe_b64encode(randomness.token_bytes(32)).decode()
    kept: list[int] = []

    def alive() -> int:
        return sum(issubclass(type(one), Unsealable) for one in gc.get_objects())

    def look(_name: str, _count: int) -> None:
        kept.append(alive() - before)

    gc.collect()
    before = alive()  # other tests'
    with pytest.raises(Unsealable, match="were left as they are"):
        open_with(f"{NEW},{third}").secrets.rotate(look, actor="cli")
    assert max(kept) <= 1


def test_one_that_cannot_be_opened_keeps_no_other_from_being_sealed_anew(
    open_with: Callable[[str], Ours], receiver: Receiver
) -> None:
    here = open_with(KEY)
    fill(here, receiver)
    shelf = next(one for one in service.SHELVES if one.name == "visitors")
    with here.store.write() as connection:
        first, *_ = service.queries.page(connection, shelf, None, 10)
        assert (
            service.queries.replace(connection, shelf, [(first, first.value[:-1] + bytes([first.value[-1] ^ 1]))]) == 1
        )
    here.close()
    with pytest.raises(Unsealable, match="20 values were sealed anew, and 1 were left"):
        open_with(f"{NEW},{KEY}").secrets.rotate(actor="cli")
    assert sum(older(open_with(NEW)).values()) == 1


def test_only_an_admin_changes_keys(open_with: Callable[[str], Ours]) -> None:
    here: Any = open_with(KEY).secrets
    for verb in (here.rotate, here.add_key):
        with pytest.raises(Forbidden):
            verb(actor=Actor("eve@example.com", "editor"))


def test_the_ring_of_the_data_folder_gets_a_new_key_first(
    make_database_url: Callable[[str], str], make_settings: Callable[..., Settings]
) -> None:
    home = make_settings().home
    (old,) = load({"OURS_HOME": str(home)}).secret_keys
    make_database_url("sqlite")
    here = Ours(load({"OURS_HOME": str(home)}))
    here.secrets.add_key(actor="cli")
    here.close()
    assert load({"OURS_HOME": str(home)}).secret_keys[1:] == (old,)
    assert (home / "secret.key").stat().st_mode & 0o077 == 0
    assert not (home / "secret.new").exists()


def test_of_two_who_add_a_key_at_once_none_takes_the_others_away(
    make_database_url: Callable[[str], str], make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts in between would seal with a key that is nowhere any more."""
    home = make_settings().home
    load({"OURS_HOME": str(home)})
    make_database_url("sqlite")
    here, there = (Ours(load({"OURS_HOME": str(home)})) for _ in range(2))
    write = ring._written

    def written(home: Path, keys: Iterable[bytes]) -> Path:
        """The other one begins when the first has looked and not yet written."""
        monkeypatch.setattr(ring, "_written", write)
        with pytest.raises(Invalid, match="Somebody else put a new key there"):
            there.secrets.add_key(actor="cli")
        return write(home, keys)

    monkeypatch.setattr(ring, "_written", written)
    here.secrets.add_key(actor="cli")
    with pytest.raises(Invalid, match="Somebody else put a new key there"):
        there.secrets.add_key(actor="cli")
    assert len(load({"OURS_HOME": str(home)}).secret_keys) == 2
    for one in (here, there):
        one.close()


def test_a_process_that_began_before_the_new_key_reads_what_it_sealed(
    make_database_url: Callable[[str], str], make_settings: Callable[..., Settings]
) -> None:
    environment = {"OURS_HOME": str(make_settings().home)}
    settings = load(environment)
    make_database_url("sqlite")
    running = Ours(settings)
    key = running.sources.add("Shop", actor="cli").live_key
    other = Ours(load(environment))
    other.secrets.add_key(actor="cli")
    other.close()
    other = Ours(load(environment))
    assert other.secrets.rotate(actor="cli") == 2
    assert key in {one.text.reveal() for one in running.sources.keys(1)}
    running.sources.add("Old key", actor="cli")  # it still seals with the old one: so start anew, and rotate again
    assert other.secrets.rotate(actor="cli") == 2
    running.close()
    other.close()


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_it_does_not_begin_while_others_seal_with_another_key(
    open_with: Callable[[str], Ours], receiver: Receiver
) -> None:
    """They may not have the newest one: what was sealed anew, they could not open."""
    fill(open_with(KEY), receiver)
    running, both = open_with(KEY), open_with(f"{NEW},{KEY}")
    assert running.sources.list()
    with pytest.raises(Invalid, match=f"seal with another .{running.settings.sealing_key_id}.") as refused:
        both.secrets.rotate(actor="cli")
    assert f"newest key here is {both.store.sealer.key_ids[0]}" in str(refused.value)
    assert rotations(both) == []
    running.close()
    assert open_with(f"{NEW},{KEY}").sources.list()  # another that was started again
    assert both.secrets.rotate(actor="cli") == 21


def test_it_does_not_begin_while_a_server_seals_with_another_key_on_sqlite(
    make_database_url: Callable[[str], str], make_settings: Callable[..., Settings]
) -> None:
    make_database_url("sqlite")
    old, here = make_settings(secret_keys=KEY), Ours(make_settings(secret_keys=f"{NEW},{KEY}"))
    lock, what = old.home / "serve.lock", "`ours serve`"
    with processes.exclusive(lock, what, old.sealing_key_id), pytest.raises(Invalid, match=old.sealing_key_id):
        here.secrets.rotate(actor="cli")
    with processes.exclusive(lock, what, here.settings.sealing_key_id):
        assert here.secrets.rotate(actor="cli") == 0
    here.close()


def test_a_worker_that_runs_alone_on_sqlite_is_known_too(
    make_database_url: Callable[[str], str], make_settings: Callable[..., Settings]
) -> None:
    make_database_url("sqlite")
    here = Ours(make_settings(secret_keys=f"{NEW},{KEY}"))
    here.prepare()
    home = here.settings.home
    environment = os.environ | {"OURS_HOME": str(home), "OURS_SECRET_KEYS": KEY}
    with subprocess.Popen([sys.executable, "-m", "ours", "worker", "scheduler"], env=environment) as worker:
        try:
            until(lambda: processes.notes(home))
            with processes.working(home, here.settings.sealing_key_id):
                assert len(processes.notes(home)) == 2
                with pytest.raises(Invalid, match=make_settings(secret_keys=KEY).sealing_key_id):
                    here.secrets.rotate(actor="cli")
            assert here.is_served()
        finally:
            worker.terminate()
    assert not here.is_served()
    assert here.secrets.rotate(actor="cli") == 0
    here.close()


def test_a_ring_from_the_environment_is_left_to_the_operator(open_with: Callable[[str], Ours]) -> None:
    with pytest.raises(Invalid, match="OURS_SECRET_KEYS"):
        open_with(KEY).secrets.add_key(actor="cli")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_no_key_is_said_to_be_needless_while_a_newer_version_may_have_sealed_with_it(
    open_with: Callable[[str], Ours],
) -> None:
    here = open_with(f"{NEW},{KEY}")
    assert here.secrets.rotate(actor="cli") == 0
    assert not here.secrets.any_old()
    with here.store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.is_ahead(here.store)
    assert here.secrets.any_old()
    with pytest.raises(Invalid, match="newer version of ours has migrated"):
        here.secrets.status()
    with pytest.raises(Invalid, match="newer version of ours has migrated"):
        here.secrets.rotate(actor="cli")


def test_who_has_the_keys_of_another_installation_seals_routes_and_holds_nothing(
    open_with: Callable[[str], Ours], receiver: Receiver
) -> None:
    """What it sealed nobody could open, and what it met it would set aside, or hold."""
    here, other = open_with(KEY), open_with(NEW)
    hook = {"url": receiver.url}
    here.destinations.add("webhook", "Hook", hook, events=["*"], actor="cli")
    caller = here.accept.authenticate(here.sources.add("Shop", actor="cli").live_key)
    assert caller
    for name in ("routed", "unrouted"):
        here.accept.accept(caller, [Incoming(name=name, occurred_at=clock.now_ms(), user_id="u1")])
        assert name == "unrouted" or here.route.run() == 1
    for wrong in (
        lambda: other.sources.add("Strange", actor="cli"),
        lambda: other.destinations.add("webhook", "Strange", hook, events=["*"], actor="cli"),
        other.route.run,
        lambda: other.deliver.drain(threading.Event(), 0.1),
    ):
        with pytest.raises(KeyMissing):
            wrong()
    assert [one.name for one in here.sources.list()] == ["Shop"]
    work(here)
    assert here.overview.balance().delivered == 2


@pytest.mark.parametrize("first", ["source", "destination"])
def test_who_sealed_first_is_whose_the_database_is(open_with: Callable[[str], Ours], first: str) -> None:
    """Before any event came, too: whoever only looked with other keys kept those out whose it is."""
    here, other = open_with(KEY), open_with(NEW)
    if first == "source":
        here.sources.add("Shop", actor="cli")
    else:
        here.destinations.add("webhook", "Hook", {"url": "https://example.com"}, events=["*"], actor="cli")
    for wrong in (other.store.vouch, lambda: other.store.lookup, lambda: other.sources.add("Strange", actor="cli")):
        with pytest.raises(KeyMissing):
            wrong()
    assert here.store.lookup("live", "userId", "u1")
