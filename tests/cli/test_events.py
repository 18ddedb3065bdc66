"""``ours event``, ``ours dispatch`` and ``ours balance``: what came in, and what became of it."""

import threading

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.services.sources import NewSource
from tests.cli.conftest import Terminal


@pytest.fixture
def source(ours: Ours) -> NewSource:
    ours.destinations.add("webhook", "Hook", {"url": "https://example.com/hook"}, events=["Purchase"], actor="cli")
    return ours.sources.add("Shop", actor="cli")


def take(ours: Ours, source: NewSource, name: str, occurred_at: int) -> str:
    """A test event, all the way through the stations."""
    caller = ours.accept.authenticate(source.test_key)
    assert caller is not None
    incoming = Incoming(name=name, occurred_at=occurred_at, external_id="customer-1", distinct_id=f"order-{name}")
    receipt = ours.accept.accept(caller, [incoming])[0]
    ours.route.run()
    ours.deliver.drain(threading.Event())
    return receipt.event_id


def test_events_are_listed_by_when_they_occurred(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    purchase = take(ours, source, "Purchase", 2_000)
    lead = take(ours, source, "Lead", 1_000)
    listed = terminal.json("event", "list")
    assert [one["id"] for one in listed] == [purchase, lead]
    keys = ["id", "event", "distinctId", "mode", "occurredAt", "receivedAt", "visitorId", "source", "dispatches"]
    assert set(keys) <= set(listed[0])
    assert (listed[0]["distinctId"], listed[0]["mode"], listed[0]["source"]) == ("order-Purchase", "test", "Shop")
    assert listed[0]["occurredAt"] == "1970-01-01T00:00:02.000Z"
    refused = {"id": None, "destination": "Hook", "status": "stopped", "reason": "not_allowed"}
    assert listed[1]["dispatches"] == [refused]
    assert [one["id"] for one in terminal.json("event", "list", "--limit", "1")] == [purchase]


def test_a_test_dispatch_shows_what_would_have_been_sent(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    purchase = take(ours, source, "Purchase", 2_000)
    dispatch = terminal.json("event", "show", purchase)["dispatches"][0]
    shown = terminal.json("dispatch", "show", dispatch["id"])
    assert (shown["id"], shown["status"], shown["mode"]) == (dispatch["id"], "sunk", "test")
    attempt = shown["attempts"][0]
    assert attempt["request"]["url"] == "https://example.com/hook"
    assert set(attempt["timing"]) == {"queueMs", "buildMs", "connectMs", "totalMs"}
    assert attempt["settingsVersion"] == 1
    assert attempt["pluginVersion"]


def test_the_balance_is_zero(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    take(ours, source, "Purchase", 2_000)
    take(ours, source, "Lead", 1_000)
    figures = "accepted expected pending sending retrying delivered rejected exhausted stopped held sunk difference"
    balance = terminal.json("balance")
    assert set(balance) == {*figures.split(), "watched"}
    assert (balance["accepted"], balance["expected"], balance["sunk"], balance["stopped"]) == (2, 2, 1, 1)
    assert balance["difference"] == 0


def test_what_is_not_there_is_said_in_one_sentence(terminal: Terminal) -> None:
    for words in (("event", "show", "nope"), ("dispatch", "show", "f" * 32)):
        assert terminal.json(*words, status=1)["code"] == "not_found"


def test_people_see_events_as_a_table_and_one_at_length(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    assert "ours demo" in terminal.text("event", "list")
    purchase = take(ours, source, "Purchase", 2_000)
    assert "1 sunk" in terminal.text("event", "list")
    assert "order-Purchase" in terminal.text("event", "show", purchase)
    dispatch = terminal.json("event", "show", purchase)["dispatches"][0]["id"]
    seen = terminal.text("dispatch", "show", dispatch)
    assert "request.url" in seen
    assert "…" not in seen
    assert "1970-01-01T00:00:02" in seen  # inside the request, moments stay as they were sent


def test_what_a_caller_sent_can_not_steer_the_terminal(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    take(ours, source, "Evil\x1b[2J[bold]", 2_000)
    seen = terminal.run("event", "list").stdout
    assert "\x1b[2J" not in seen
    assert "[bold]" in seen


def test_nor_where_a_program_reads_which_reads_what_was_sent(terminal: Terminal, ours: Ours, source: NewSource) -> None:
    name = "a\x9b2J\x7f\u202e\U000e0041 \u00f6 \U0001f469\u200d\U0001f467"
    take(ours, source, name, 2_000)
    seen = terminal.run("--json", "event", "list").stdout
    assert all(line.isprintable() for line in seen.split("\n"))
    assert "\u00f6 \U0001f469" in seen
    assert [one["event"] for one in terminal.json("event", "list")] == [name]
