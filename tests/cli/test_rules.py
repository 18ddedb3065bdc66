"""The verbs about what may leave: allow lists, governance, mappings, previews, history, explanations."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from tests.cli.conftest import Terminal


@pytest.fixture
def archive(terminal: Terminal, tmp_path: Path) -> str:
    """A destination that takes purchases."""
    where = f"folder={tmp_path / 'out'}"
    terminal.json("destination", "add", "file", "Archive", "--set", where, "--event", "Purchase")
    return "Archive"


def track(ours: Ours, name: str = "Purchase", **changes: Any) -> str:
    found = ours.sources.list()
    key = ours.sources.keys(found[0].id)[-1].text.reveal() if found else ours.sources.add("Shop", actor="cli").live_key
    caller = ours.accept.authenticate(key)
    assert caller
    item = Incoming(name=name, occurred_at=clock.now_ms(), **{"user_id": "u1"} | changes)
    event_id = ours.accept.accept(caller, [item])[0].event_id
    while ours.route.run():
        pass
    ours.deliver.drain(threading.Event(), 10)
    return event_id


def test_the_allow_list_from_the_side_of_events(terminal: Terminal, archive: str, ours: Ours) -> None:
    track(ours, "Refund")
    assert [one["event"] for one in terminal.json("allow", "list", "--unlisted")] == ["Refund"]
    terminal.json("allow", "add", "Refund", "--to", archive, "--why", "asked for")
    listed = {one["event"]: one["destinations"] for one in terminal.json("allow", "list")}
    assert listed == {"Purchase": [archive], "Refund": [archive]}
    terminal.json("allow", "remove", "Refund", "--from", archive)
    assert "Refund" in terminal.text("allow", "list")


def test_rules_are_added_changed_and_removed(terminal: Terminal, archive: str) -> None:
    condition = "visitor.consent.rejected_categories Contains advertising"
    made = terminal.json(
        "governance", "add", "Consent", "--covers", archive, "--covers", "advertising", "--when", condition
    )
    assert (made["covers"], made["enabled"]) == ([archive, "advertising"], True)
    terminal.json(
        "governance", "update", "Consent", "--off", "--when", condition, "--when", "event.event Is Purchase", "--any"
    )
    (rule,) = terminal.json("governance", "list")
    assert (rule["enabled"], list(rule["logic"])) == (False, ["OR"])
    terminal.json("governance", "remove", "Consent")
    assert "no rule" in terminal.text("governance", "list")
    wrong = terminal.json("governance", "add", "Odd", "--covers", "*", "--when", "event.evnt Is x", status=1)
    assert wrong["errors"]


def test_rules_come_from_a_file_and_can_be_tried_first(
    terminal: Terminal, archive: str, ours: Ours, tmp_path: Path
) -> None:
    track(ours)
    file = tmp_path / "rules.yaml"
    file.write_text(f"""
- name: No purchases
  covers: [{archive}]
  logic: {{condition: {{property: event.event, operator: Is, value: Purchase}}}}
""")
    tried = terminal.json("governance", "set", str(file), "--preview")
    assert (tried["counts"]["vanishes"], terminal.json("governance", "list")) == (1, [])
    put = terminal.json("governance", "set", str(file), "--why", "Law")
    assert [rule["name"] for rule in put["rules"]] == ["No purchases"]
    file.write_text("{")
    assert terminal.run("governance", "set", str(file)).exit_code == 1


def test_a_mapping_is_set_from_options_and_files(terminal: Terminal, archive: str, tmp_path: Path) -> None:
    terminal.json(
        "mapping",
        "set",
        archive,
        "--map",
        "mail={{visitor.email}}",
        "--modify",
        "mail=HashedNormalized",
        "--rename",
        "Sale",
    )
    shown = terminal.json("mapping", "show", archive)
    assert shown["mapping"] == [
        {"field": "mail", "map": "{{visitor.email}}", "modification": "HashedNormalized"},
        {"field": "$event", "map": "Sale", "modification": "None"},
    ]
    file = tmp_path / "mapping.json"
    file.write_text(
        json.dumps({"page": {"map": "{{event.default_properties.current_url}}", "modification": "DomainOnly"}})
    )
    terminal.json(
        "mapping",
        "case",
        archive,
        "Big",
        "--when",
        "event.event_properties.value IsGreaterThan 100",
        "--file",
        str(file),
    )
    terminal.json("mapping", "case", archive, "Big", "--off")
    (case,) = terminal.json("mapping", "show", archive)["conditional"]
    assert (case["name"], case["enabled"], case["mapping"][0]["field"]) == ("Big", False, "page")
    terminal.json("mapping", "case", archive, "Big", "--remove")
    assert terminal.json("mapping", "show", archive)["conditional"] == []
    refused = terminal.json("mapping", "set", archive, "--map", "a={{x}}", status=1)
    assert set(refused["errors"]) == {"mapping.a"}
    assert len(terminal.json("mapping", "modifications")) == 29


def test_category_agreement_and_sources_are_set(terminal: Terminal, archive: str, ours: Ours) -> None:
    ours.sources.add("Shop", actor="cli")
    how = ("--category", "advertising", "--agreement", "available", "--source", "Shop")
    shown = terminal.json("destination", "update", archive, *how)
    assert (shown["category"], shown["agreement"], shown["sources"]) == ("advertising", "available", [1])
    asked = terminal.json("mapping", "set", archive, "--map", "mail={{visitor.email}}", status=1)
    assert set(asked["errors"]) == {"override"}
    terminal.json("mapping", "set", archive, "--map", "mail={{visitor.email}}", "--override", "They asked")
    assert terminal.json("mapping", "show", archive)["withheld"]


def test_a_change_is_previewed_made_compared_and_taken_back(
    terminal: Terminal, archive: str, ours: Ours, tmp_path: Path
) -> None:
    event_id = track(ours, event_properties={"value": 5})
    file = tmp_path / "change.json"
    file.write_text(json.dumps({"mapping": {"amount": "{{event.event_properties.value}}"}}))
    tried = terminal.json("preview", archive, "--file", str(file))
    assert tried["counts"]["changes"] == 1
    assert {"path": "body.data.amount", "kind": "appears", "after": 5} in tried["effects"][0]["differences"]
    assert "+ body.data.amount: 5\n" in terminal.text("preview", archive, "--file", str(file)).replace(" \n", "\n")
    sent = terminal.json("preview", archive, "--event", event_id)
    assert sent["fields"]["properties"] == {"value": 5}
    terminal.json("mapping", "set", archive, "--map", "amount={{event.event_properties.value}}", "--why", "Numbers")
    assert [(one["version"], one["why"]) for one in terminal.json("history", "list", archive)] == [
        (2, "Numbers"),
        (1, ""),
    ]
    assert terminal.json("history", "diff", archive, "1")[0]["path"] == "mapping.amount"
    terminal.json("history", "rollback", archive, "1")
    assert terminal.json("history", "show", archive, "3")["set"]["mapping"] == {}


def test_an_event_and_a_field_are_explained(terminal: Terminal, archive: str, ours: Ours) -> None:
    event_id = track(ours, event_properties={"value": 5})
    told = terminal.json("explain", event_id)
    (dispatch,) = told["dispatches"]
    assert (told["event"]["event"], dispatch["status"], dispatch["thatActed"]) == ("Purchase", "delivered", True)
    rows = {row["field"]: row for row in dispatch["mapping"]}
    assert rows["event"] == {"field": "event", "from": "{{event.event}}", "taken": "Purchase", "modification": "None",
                             "hashed": False, "value": "Purchase", "given": True, "layer": "plugin"}  # fmt: skip
    assert terminal.json("explain", dispatch["id"])["dispatches"][0]["request"]
    (use,) = terminal.json("explain", "--field", "event.event")
    assert (use["destination"], use["field"], use["delivered"]) == (archive, "event", 1)
    assert terminal.run("explain").exit_code == 1


def test_nobody_is_named_by_an_explanation(terminal: Terminal, archive: str, ours: Ours) -> None:
    properties = {"patient_name": "Canary", "plan": "gold"}
    event_id = track(ours, user_id="Canary@example.com", event_properties=properties)
    told = terminal.json("explain", event_id)
    assert "gold" in told["dispatches"][0]["request"]["body"]
    assert told["event"]["visitorId"]
    assert "Canary" not in str(told)


def test_a_path_that_may_be_misspelt_is_found(terminal: Terminal, archive: str, ours: Ours) -> None:
    track(ours)
    terminal.json("mapping", "set", archive, "--map", "v={{event.event_properties.valeu}}")
    assert [one["path"] for one in terminal.json("rules", "check")] == ["event.event_properties.valeu"]


OTHER_VERSION = """
from marshmallow import Schema, fields
from requests import Request

from ours.plugin import Destination, hookimpl


class Archive(Destination):
    slug = "{slug}"
    label = "Archive"
    category = "infrastructure"
    default_mapping = {{"id": "{{{{event.id}}}}", "what": "{{{{event.event}}}}"}}

    class Settings(Schema):
        folder = fields.String(required=True)
        {more}

    def build(self, delivery):
        return Request("POST", "https://example.com/archive", json=dict(delivery.fields))


@hookimpl
def register_destinations():
    return [Archive]
"""


def test_another_version_of_a_plugin_is_tried_on_the_latest_events(
    terminal: Terminal, archive: str, ours: Ours, tmp_path: Path
) -> None:
    event_id = track(ours)
    track(ours, "Refund")
    file = tmp_path / "file.py"
    file.write_text(OTHER_VERSION.format(slug="file", more=""))
    tried = terminal.json("preview", archive, "--plugin", str(file))
    assert (tried["counts"]["changes"], tried["counts"]["stays"]) == (1, 1)
    (effect,) = tried["effects"]
    told = {one["path"]: (one.get("before"), one.get("after")) for one in effect["differences"]}
    assert effect["event"] == event_id
    assert told["body.what"] == (None, "Purchase")
    assert told["url"][1] == "https://example.com/archive"
    assert terminal.json("destination", "show", archive)["type"] == "file"
    assert next(one for one in terminal.json("plugin", "list") if one["type"] == "file")["origin"] == "built-in"


def test_another_version_says_what_it_needs(terminal: Terminal, archive: str, ours: Ours, tmp_path: Path) -> None:
    track(ours)
    file, change = tmp_path / "file.py", tmp_path / "change.yaml"
    file.write_text(OTHER_VERSION.format(slug="file", more="colour = fields.String(required=True)"))
    wrong = terminal.json("preview", archive, "--plugin", str(file), status=1)
    assert "colour" in wrong["error"]
    change.write_text("settings: {colour: red}")
    assert terminal.json("preview", archive, "--plugin", str(file), "--file", str(change))["counts"]["changes"] == 1
    file.write_text(OTHER_VERSION.format(slug="other", more=""))
    assert "None of them is file" in terminal.json("preview", archive, "--plugin", str(file), status=1)["error"]
    file.write_text("raise SystemExit")
    assert "end the process" in terminal.json("preview", archive, "--plugin", str(file), status=1)["error"]
