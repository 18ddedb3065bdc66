"""``ours destination``, as scripts and people use it."""

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.store.queries import destinations
from tests.cli.conftest import Terminal

URL = "url=https://example.com/hook"


def test_adding_a_destination_takes_settings_events_and_a_mapping(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json(
        "destination", "add", "webhook", "Hook", "--set", URL + "?a=b&api_key=canary", "--set", "headers.X-Team=abc",
        "--event", "Purchase", "--event", "Lead", "--map", "plan={{visitor.custom_properties.plan}}",
    )  # fmt: skip
    assert made == {"id": made["id"], "name": "Hook", "type": "webhook", "status": "on"}
    shown = terminal.json("destination", "show", "Hook")
    assert shown["events"] == ["Lead", "Purchase"]
    assert shown["mapping"] == {"plan": "{{visitor.custom_properties.plan}}"}
    assert shown["settings"]["url"] == "https://example.com/hook?a=b&api_key=••••"
    assert shown["settings"]["headers"] == {"X-Team": "••••"}


@pytest.mark.parametrize(
    ("words", "events"), [(["--event", "*"], ["*"]), (["--events", "Lead"], ["Lead"]), (["--no-events"], [])]
)
def test_all_events_these_and_none_are_said_aloud(terminal: Terminal, words: list[str], events: list[str]) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, *words)
    assert terminal.json("destination", "list")[0]["events"] == events


def test_none_is_warned_about_on_stderr(terminal: Terminal) -> None:
    result = terminal.run("destination", "add", "webhook", "Hook", "--set", URL, "--no-events", "--json")
    assert "nothing leaves" in result.stderr
    assert "nothing leaves" not in result.stdout


def test_who_says_nothing_of_events_is_told_the_three_ways(terminal: Terminal) -> None:
    said = terminal.json("destination", "add", "webhook", "Hook", "--set", URL, status=1)
    assert said["code"] == "invalid"
    assert all(way in said["error"] for way in ("--event '*'", "--event NAME", "--no-events"))
    twice = terminal.json("destination", "add", "webhook", "Hook", "--no-events", "--event", "Lead", status=1)
    assert "not both" in twice["error"]


def test_wrong_settings_are_named_in_the_sentence_and_in_json(terminal: Terminal) -> None:
    said = terminal.json("destination", "add", "webhook", "Hook", "--set", "url=nonsense", "--events", "*", status=1)
    assert list(said["errors"]) == ["settings.url"]
    assert "settings.url" in said["error"]
    usage = terminal.json("destination", "add", "webhook", "Hook", "--set", "nonsense", "--events", "*", status=2)
    assert "key=value" in usage["error"]


def test_the_status_verbs_show_the_new_status(terminal: Terminal) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--events", "*")
    verbs = {"pause": "paused", "resume": "on", "off": "off", "on": "on", "remove": "removed"}
    assert {verb: terminal.json("destination", verb, "Hook")["status"] for verb in verbs} == verbs
    assert terminal.json("destination", "list") == []


def test_removing_asks_what_becomes_of_what_waits(terminal: Terminal, ours: Ours) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--events", "*")
    made = ours.sources.add("Shop", actor="cli")
    caller = ours.accept.authenticate(made.live_key)
    assert caller
    ours.accept.accept(caller, [Incoming(name="Purchase", occurred_at=1_000, user_id="u")])
    ours.route.run()
    waiting = terminal.json("destination", "show", "Hook")["waiting"]
    assert waiting["count"] == 1
    assert waiting["oldest"] is not None
    said = terminal.json("destination", "remove", "Hook", status=1)["error"]
    assert said.startswith('1 dispatches for "Hook" wait or are held.')
    assert "--pending deliver-first" in said
    assert terminal.json("destination", "remove", "Hook", "--pending", "deliver-first") == {
        "id": 1, "name": "Hook", "type": "webhook", "status": "on", "leaving": True,
    }  # fmt: skip
    assert "on (leaving)" in terminal.text("destination", "list")
    assert terminal.json("destination", "remove", "Hook", "--pending", "stop")["status"] == "removed"


def test_an_update_changes_only_what_is_given(terminal: Terminal) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--set", "headers.A=1", "--events", "*",
                  "--map", "a=1", "--map", "b=2")  # fmt: skip
    changed = terminal.json("destination", "update", "Hook", "--name", "New", "--map", "b=3", "--set", "method=PUT")
    assert (changed["name"], changed["events"], changed["version"]) == ("New", ["*"], 2)
    assert changed["mapping"] == {"a": "1", "b": "3"}
    assert changed["settings"]["method"] == "PUT"
    assert changed["settings"]["headers"] == {"A": "••••"}
    cleared = terminal.json("destination", "update", "New", "--unset", "headers", "--event", "Lead")
    assert "headers" not in cleared["settings"]
    assert cleared["events"] == ["Lead"]


def test_limits_are_given_shown_and_taken_back(terminal: Terminal) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--events", "*", "--max-in-flight", "8")
    terminal.json("destination", "update", "Hook", "--rate", "2.5", "--schedule", "5, 30,120", "--drain-rate", "50")
    shown = terminal.json("destination", "show", "Hook")
    assert shown["limits"] == {"maxInFlight": 8, "rate": 2.5, "schedule": [5, 30, 120], "drainRate": 50}
    assert shown["breaker"] == {"state": "closed", "failures": 0, "until": None}
    terminal.json("destination", "update", "Hook", "--rate", "none", "--max-in-flight", "none", "--schedule", "none")
    (listed,) = terminal.json("destination", "list")
    assert (listed["limits"]["maxInFlight"], listed["limits"]["rate"], listed["limits"]["drainRate"]) == (64, None, 50)
    assert len(listed["limits"]["schedule"]) == 10


def test_limits_that_make_no_sense_are_named(terminal: Terminal) -> None:
    words = ["destination", "add", "webhook", "Hook", "--set", URL, "--events", "*"]
    said = terminal.json(*words, "--rate", "fast", "--schedule", "5,soon", status=1)
    assert set(said["errors"]) == {"limits.rate_limit", "limits.retry_schedule"}


def test_people_see_what_a_destination_may_have(terminal: Terminal) -> None:
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--no-events")
    assert "nothing leaves" in terminal.text("destination", "list")


def test_one_whose_settings_do_not_fit_its_plugin_any_more_is_named_by_every_verb(
    terminal: Terminal, ours: Ours
) -> None:
    made = ours.destinations.add(
        "webhook", "Hook", {"url": "https://example.com/secret-path"}, events=["*"], actor="cli"
    )
    sealed = ours.store.sealer.seal_json({"url": "no-address"}, f"destinations:{made.id}:settings")
    with ours.store.write() as connection:
        destinations.change(connection, made.id, {"settings": sealed})
    words = "Its settings do not suit its plugin: url: "
    assert terminal.json("destination", "show", "Hook")["unfit"].startswith(words)
    assert "unfit" in terminal.text("destination", "list")
    changed = terminal.run("destination", "update", "Hook", "--max-in-flight", "7")
    assert changed.exit_code == 0
    assert words in changed.stderr
    (finding,) = [one for one in terminal.json("doctor", status=1) if one["name"] == "destinations"]
    assert words in finding["message"]
    assert "no-address" not in finding["message"] + changed.stderr
    mended = terminal.run("destination", "update", "Hook", "--set", "url=https://example.com/")
    assert words not in mended.stderr


def test_one_that_was_removed_is_still_shown_and_so_is_its_history(terminal: Terminal) -> None:
    for name in ("Hook", "Hook 2"):
        terminal.json("destination", "add", "webhook", name, "--set", URL, "--event", "Lead")
    terminal.json("destination", "update", "Hook", "--event", "Purchase")
    terminal.json("destination", "remove", "Hook")
    for name in ("Hook", "1"):
        assert terminal.json("destination", "show", name)["status"] == "removed"
        assert [one["version"] for one in terminal.json("history", "list", name)] == [2, 1]
        assert terminal.json("history", "show", name, "1")["set"]["events"] == ["Lead"]
        refused = terminal.run("history", "rollback", name, "1")
        assert 'The destination "Hook" was removed for good.' in refused.stderr
    terminal.json("destination", "add", "webhook", "Hook", "--set", URL, "--event", "Lead")
    assert terminal.json("destination", "show", "Hook")["id"] == 3
    assert '"Hook 2"' in terminal.run("destination", "show", "nothing").stderr
    assert terminal.run("destination", "pause", "1").exit_code == 1
