"""``ours replay`` and ``ours balance --check``."""

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from ours.bootstrap import Ours
from ours.cli import cli
from ours.core.incoming import Incoming
from ours.services.sources import NewSource
from ours.store.tables import dispatches
from tests.cli.conftest import Terminal


@pytest.fixture
def source(ours: Ours) -> NewSource:
    ours.destinations.add("webhook", "Hook", {"url": "https://example.com/hook"}, events=["Purchase"], actor="cli")
    return ours.sources.add("Shop", actor="cli")


def take(ours: Ours, source: NewSource, name: str = "Purchase") -> str:
    caller = ours.accept.authenticate(source.test_key)
    assert caller is not None
    event_id = ours.accept.accept(caller, [Incoming(name=name, occurred_at=1_000, user_id="u")])[0].event_id
    ours.route.run()
    return event_id


def reject(ours: Ours, source: NewSource) -> str:
    """A dispatch that was refused."""
    event_id = take(ours, source)
    with ours.store.write() as connection:
        which = dispatches.c.event_id == event_id
        values = {"state": "rejected", "reason": "http_400", "due_at": None}
        connection.execute(sa.update(dispatches).where(which).values(values))
        return connection.scalars(sa.select(dispatches.c.id).where(which)).one()


def test_one_dispatch_is_replayed(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    old = reject(ours, source)
    made = terminal.json("replay", "dispatch", old)
    assert made["replayOf"] == old
    shown = terminal.json("dispatch", "show", made["id"])
    assert shown["status"] == "pending"
    assert terminal.json("replay", "dispatch", made["id"], status=1)["code"] == "invalid"


def test_what_nobody_knows_the_end_of_is_replayed_by_its_reason(
    terminal: Terminal, ours: Ours, source: NewSource
) -> None:
    old = reject(ours, source)
    with ours.store.write() as connection:
        ambiguous = {"state": "held", "reason": "ambiguous"}
        connection.execute(sa.update(dispatches).where(dispatches.c.id == old).values(ambiguous))
    made = terminal.json("replay", "many", "--state", "held", "--reason", "ambiguous", "--yes")
    assert (made["matching"], made["perhapsArrived"], made["replayed"]) == (1, 1, 1)
    assert (made["stoppedByRules"], made["heldAtFirst"]) == (0, 0)
    assert terminal.json("dispatch", "show", old)["status"] == "stopped"
    assert terminal.json("balance")["difference"] == 0


def test_an_event_is_replayed_or_sent_where_it_was_refused(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    reject(ours, source)
    event_id = terminal.json("event", "list")[0]["id"]
    assert len(terminal.json("replay", "event", event_id)["dispatches"]) == 1
    lead = take(ours, source, "Lead")
    assert "allow list" in terminal.json("replay", "event", lead, "--to", "hook", status=1)["error"]
    terminal.json("destination", "update", "Hook", "--events", "*")
    assert len(terminal.json("replay", "event", lead, "--to", "hook")["dispatches"]) == 1
    assert terminal.json("balance")["difference"] == 0


def test_a_replay_that_was_started_is_listed_paused_resumed_and_cancelled(
    terminal: Terminal, ours: Ours, source: NewSource
) -> None:
    reject(ours, source)
    many = ("replay", "start", "--state", "rejected", "--reason", "http_400", "--since", "1h")
    assert terminal.json(*many)["replay"] is None
    begun = terminal.json(*many, "--yes")["replay"]
    assert (begun["state"], begun["matching"], begun["made"]) == ("running", 1, 0)
    assert (begun["by"], begun["freshId"], begun["since"] is None) == ("cli", False, False)
    assert terminal.json("replay", "pause", "1")["state"] == "paused"
    ours.paced_replays.tick()
    assert terminal.json("replay", "list")[0]["made"] == 0
    assert terminal.json("replay", "resume", "1")["state"] == "running"
    ours.paced_replays.tick()
    ours.paced_replays.tick()
    done = terminal.json("replay", "list")[0]
    assert (done["state"], done["made"]) == ("done", 1)
    assert terminal.json("replay", "cancel", "1", status=1)["error"] == "Replay 1 is done."
    assert terminal.json("replay", "pause", "7", status=1)["code"] == "not_found"


def test_many_are_shown_first_and_replayed_when_that_is_wanted(
    terminal: Terminal, ours: Ours, source: NewSource
) -> None:
    for _ in range(2):
        reject(ours, source)
    words = ("replay", "many", "--destination", "Hook", "--state", "rejected", "--reason", "http_400", "--since", "1h")
    shown = terminal.json(*words)
    assert (shown["matching"], shown["states"], shown["replayed"]) == (2, {"rejected": 2}, 0)
    assert terminal.json(*words, "--mode", "live")["matching"] == 0
    assert terminal.json(*words, "--until", "2020-01-01T00:00:00")["matching"] == 0
    assert terminal.json(*words, "--limit", "1", "--yes")["replayed"] == 1
    assert terminal.json(*words, "--yes")["replayed"] == 1
    assert terminal.json(*words, "--yes")["replayed"] == 0


@pytest.mark.parametrize(("answer", "replayed"), [("y", 1), ("n", 0)])
def test_a_person_is_asked(terminal: Terminal, ours: Ours, source: NewSource, answer: str, replayed: int) -> None:
    reject(ours, source)
    result = CliRunner().invoke(cli, ["replay", "many", "--state", "rejected"], input=answer)
    assert "matching" in result.stdout
    assert "Replay them?" in result.stderr
    assert ours.overview.balance().pending == replayed


def test_a_moment_that_is_none_is_said(terminal: Terminal) -> None:
    said = terminal.json("replay", "many", "--state", "rejected", "--since", "yesterday", status=2)
    assert "how long ago" in said["error"]


def test_the_check_names_what_is_missing_and_ends_with_status_1(
    terminal: Terminal, ours: Ours, source: NewSource
) -> None:
    event_id = take(ours, source)
    assert terminal.json("balance", "--check")["faults"] == []
    with ours.store.write() as connection:
        connection.execute(sa.delete(dispatches))
    faults = [{"event": event_id, "destination": 1, "kind": "missing"}]
    for words in (["--check"], ["--full"]):
        assert terminal.json("balance", *words, status=1)["faults"] == faults
    assert event_id in terminal.run("balance", "--check").stdout


def test_what_was_seen_at_the_destination_is_confirmed(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    one, *_ = [reject(ours, source) for _ in range(3)]
    with ours.store.write() as connection:
        connection.execute(sa.update(dispatches).values(mode="live", state="held", reason="ambiguous"))
    assert terminal.json("dispatch", "confirm", one) == {"id": one, "status": "delivered"}
    assert terminal.json("dispatch", "confirm", one, status=1)["code"] == "invalid"
    assert terminal.json("dispatch", "confirm", "--destination", "Hook") == {"ambiguous": 2, "confirmed": 0}
    assert terminal.json("dispatch", "confirm", "--destination", "Hook", "--until", "1h")["ambiguous"] == 0
    assert terminal.json("dispatch", "confirm", "--destination", "Hook", "--yes")["confirmed"] == 2
    assert "ID, or a destination" in terminal.run("dispatch", "confirm", one, "--destination", "Hook").stderr
    assert terminal.json("dispatch", "show", one)["reason"] == "confirmed"
