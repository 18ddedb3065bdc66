"""``ours alert``, and what ``ours balance`` tells of the continuous check."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ours.bootstrap import Ours
from ours.store.tables import destinations
from tests.cli.conftest import Terminal
from tests.receiver import Receiver


def test_the_alerts_that_last_are_listed(terminal: Terminal, ours: Ours) -> None:
    assert terminal.json("alert", "list") == []
    ours.destinations.add("webhook", "Hook", {"url": "https://example.com/hook"}, events=["*"], actor="cli")
    with ours.store.write() as connection:
        connection.execute(sa.update(destinations).values(breaker="open", breaker_failures=12))
    ours.alerts.run()
    (alert,) = [one for one in terminal.json("alert", "list") if one["kind"] != "disk"]
    assert alert["subject"] == "destination 1"
    assert alert["state"] == "open"
    assert "12 tries in a row" in terminal.text("alert", "list")
    assert len(terminal.json("alert", "list", "--all")) >= 1


def test_a_test_message_goes_out_and_a_refusal_ends_with_status_1(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "OURS_ALERT_WEBHOOK" in terminal.json("alert", "test", status=1)["error"]
    with Receiver() as receiver:
        monkeypatch.setenv("OURS_ALERT_WEBHOOK", receiver.url)
        monkeypatch.setenv("OURS_ALLOW_NETWORKS", "127.0.0.0/8")
        assert terminal.json("alert", "test") == [{"channel": "webhook", "taken": True, "problem": None}]
        assert b"Test: this is what an alert looks like" in receiver.requests[0].body
        receiver.answer(404)
        assert terminal.json("alert", "test", status=1)[0]["problem"] == "The webhook answered 404."


def test_mail_without_a_server_is_a_wrong_setting(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_ALERT_EMAIL", "ops@example.com")
    assert "OURS_SMTP_URL" in terminal.run("alert", "list").output


def test_the_balance_tells_what_the_scheduler_found(terminal: Terminal, ours: Ours, tmp_path: Path) -> None:
    assert terminal.json("balance")["watched"]["at"] is None
    ours.conservation.tick()
    watched = terminal.json("balance", "--check")["watched"]
    assert watched["difference"] == 0
    assert watched["faults"] == []
    assert watched["wholeAt"] is not None
