"""``ours db partition`` as it is typed, and what the doctor says of it."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from ours.clock import DAY, now_ms
from tests.cli.conftest import Terminal


def test_sqlite_has_no_partitions(terminal: Terminal) -> None:
    assert "db copy" in terminal.json("db", "partition", "--yes", status=1)["error"]


def test_the_plan_comes_first_and_a_second_time_nothing_is_due(
    terminal: Terminal, make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS_DATABASE_URL", make_database_url("postgresql"))

    def said() -> list[Any]:
        return [one for one in terminal.json("doctor") if one["name"] == "partitions"]

    assert "becomes events_past" in terminal.text("db", "partition", "--plan")
    assert terminal.json("db", "partition", status=1)["applied"] is False
    assert said() == []
    made = terminal.json("db", "partition", "--yes")
    assert [(one["table"], one["divided"], one["daysAhead"]) for one in made["tables"]] == [
        ("events", True, 7), ("attempts", True, 7)
    ]  # fmt: skip
    assert made["tables"][0]["partitions"][0]["name"] == "events_past"
    assert terminal.json("db", "partition")["due"] is False
    assert "7 days ahead" in terminal.text("db", "partition", "--plan")
    assert [one["status"] for one in said()] == ["ok"]
    with time_machine.travel((now_ms() + 6 * DAY) / 1000):
        assert "should be 7" in said()[0]["message"]
