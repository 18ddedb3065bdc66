"""Destinations: their settings, allow lists and mappings, and what their status does to what waits for them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ours import ids, registry
from ours.core import allow
from ours.errors import Invalid, NotFound
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.destinations import Destination, Destinations
from ours.settings import Settings
from ours.store import Store
from ours.store.queries import destinations as queries
from ours.store.tables import destinations as table
from ours.store.tables import dispatches

URL = "https://example.com/hook"
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
OTHER_SECRET = "whsec_" + "WFdWVVRTUlFQT05NTEtKSUhHRkVEQ0JB"
MASK = "••••"

JANE = Actor("jane@example.com", "editor")


@pytest.fixture
def destinations(store: Store, make_settings: Callable[..., Settings]) -> Destinations:
    return Destinations(store, registry.load(make_settings()))


@pytest.fixture
def hook(destinations: Destinations) -> Destination:
    settings = {"url": URL, "secret": SECRET, "headers": {"X-Team": "red", "X-Env": "prod"}}
    return destinations.add("webhook", "My hook", settings, events=["*"], actor="cli")


def stored(store: Store, destination_id: int) -> dict[str, Any]:
    with store.read() as connection:
        row = queries.one(connection, destination_id)
    assert row is not None
    return store.sealer.open_json(row.settings, f"destinations:{destination_id}:settings")


def allowed(store: Store, destination_id: int) -> set[str]:
    with store.read() as connection:
        return queries.allow_lists(connection).get(destination_id, set())


def put(store: Store, destination_id: int, state: str, reason: str | None = None, mode: str = "live") -> str:
    """A dispatch in that state."""
    values: dict[str, Any] = {
        "id": ids.new_id(),
        "event_id": ids.new_id(),
        "destination_id": destination_id,
        "mode": mode,
    }
    values |= {"state": state, "reason": reason, "attempts": 1, "created_at": 1, "updated_at": 1}
    values["due_at"] = 5 if state in ("pending", "retrying") else None
    values["lease_until"] = 5 if state == "sending" else None
    with store.write() as connection:
        connection.execute(sa.insert(dispatches).values(values))
    return str(values["id"])


def states(store: Store) -> dict[str, tuple[str, str | None, bool]]:
    """Dispatch → state, reason, whether it is due."""
    with store.read() as connection:
        rows = connection.execute(sa.select(dispatches)).all()
    return {row.id: (row.state, row.reason, row.due_at is not None) for row in rows}


def test_a_new_destination_is_on_and_shows_no_secret(destinations: Destinations, hook: Destination) -> None:
    assert (hook.name, hook.slug, hook.status, hook.version, hook.loaded) == ("My hook", "webhook", "on", 1, True)
    assert hook.settings_shown == {
        "url": URL,
        "secret": MASK,
        "headers": {"X-Team": MASK, "X-Env": MASK},
        "method": "POST",
    }
    assert destinations.list() == [hook]
    assert destinations.find("my HOOK") == destinations.get(hook.id) == hook


def test_settings_lie_sealed_without_the_plugins_defaults(store: Store, hook: Destination) -> None:
    with store.read() as connection:
        assert SECRET.encode() not in connection.execute(sa.select(table.c.settings)).scalar_one()
    assert stored(store, hook.id) == {
        "url": URL,
        "secret": SECRET,
        "headers": {"X-Team": "red", "X-Env": "prod"},
    }


def test_wrong_settings_are_named_one_by_one(destinations: Destinations) -> None:
    with pytest.raises(Invalid) as caught:
        destinations.add("webhook", "Hook", {"url": "nonsense", "secret": "short"}, events=["*"], actor="cli")
    assert set(caught.value.errors) == {"settings.url", "settings.secret"}
    assert destinations.list() == []


def test_an_unknown_plugin_is_answered_with_those_there_are(destinations: Destinations) -> None:
    with pytest.raises(Invalid, match=r"webhook.*ours plugin list"):
        destinations.add("carrier-pigeon", "Hook", {}, events=["*"], actor="cli")


def test_no_two_destinations_share_a_name(destinations: Destinations, hook: Destination) -> None:
    with pytest.raises(Invalid, match="exists already"):
        destinations.add("webhook", "MY HOOK", {"url": URL}, events=["*"], actor="cli")
    with pytest.raises(NotFound, match='There are: "My hook"'):
        destinations.find("another")


def test_an_allow_list_folds_names_and_shows_them_as_typed(destinations: Destinations, store: Store) -> None:
    made = destinations.add("webhook", "Hook", {"url": URL}, events=[" Purchase ", "Lead", "$identify"], actor="cli")
    assert made.events == ("$identify", "Lead", "Purchase")
    assert allowed(store, made.id) == {allow.name_key(name) for name in ("purchase", "LEAD", "$identify")}


def test_no_event_is_an_allow_list_too(destinations: Destinations, store: Store) -> None:
    made = destinations.add("webhook", "Hook", {"url": URL}, events=[], actor="cli")
    assert made.events == ()
    assert allowed(store, made.id) == frozenset()


def test_all_events_swallow_the_names_but_not_identify(destinations: Destinations, store: Store) -> None:
    made = destinations.add("webhook", "Hook", {"url": URL}, events=["Lead", "*", "$identify"], actor="cli")
    assert made.events == ("$identify", "*")
    assert allowed(store, made.id) == {allow.ALL, allow.name_key("$identify")}


@pytest.mark.parametrize("name", ["", "  ", "x" * 1001, "$merge", "$", "nul\0"])
def test_a_name_that_no_event_has_is_refused(destinations: Destinations, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        destinations.add("webhook", "Hook", {"url": URL}, events=["Lead", name], actor="cli")
    assert list(caught.value.errors) == ["events"]


def test_a_mapping_that_can_not_be_read_is_refused(destinations: Destinations, hook: Destination) -> None:
    with pytest.raises(Invalid) as caught:
        destinations.update(hook.id, mapping={"plan": "{{visitor.custom_properties.plan"}, actor="cli")
    assert list(caught.value.errors) == ["mapping.plan"]
    changed = destinations.update(hook.id, mapping={"plan": "{{visitor.custom_properties.plan}}"}, actor="cli")
    assert changed.mapping == {"plan": "{{visitor.custom_properties.plan}}"}


def test_a_template_with_one_brace_is_refused_for_it_would_be_sent_as_it_stands(
    destinations: Destinations, hook: Destination
) -> None:
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "A"}}
    slip = {"plan": "for {visitor.custom_properties.plan}"}
    said = (
        r"plan: \{visitor\.custom_properties\.plan\} would be sent as it stands\. Write it with two braces: \{\{visitor"
    )
    with pytest.raises(Invalid, match=said):
        destinations.update(hook.id, mapping=slip, actor="cli")
    with pytest.raises(Invalid, match=f"cases.Big.{said}"):
        destinations.update(hook.id, cases=[{"name": "Big", "logic": logic, "mapping": slip}], actor="cli")
    destinations.update(hook.id, mapping={"json": '{"a": 1}'}, actor="cli")


def test_what_was_saved_before_it_was_refused_holds_up_no_other_change(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    """A name with what can't be seen, and a template with one brace."""
    slip, name = "for {visitor.custom_properties.plan}", "Warehouse\u200b"
    case = {"name": "Big", "logic": {"condition": {"property": "event.event", "operator": "Is", "value": "A"}}}
    destinations.update(hook.id, mapping={"plan": "p"}, cases=[case | {"mapping": {"plan": "p"}}], actor="cli")
    old = {"mapping": json.dumps({"plan": slip}), "cases": json.dumps([case | {"mapping": {"plan": slip}}])}
    with store.write() as connection:
        connection.execute(table.update().values(name=name, **old))
    kept = {"plan": slip, "more": "m"}
    cases = [case | {"mapping": kept}]
    changed = destinations.update(hook.id, name=name, mapping=kept, cases=cases, category="analytics", actor="cli")
    assert (changed.name, changed.mapping, changed.cases[0]["mapping"]) == (name, kept, kept)
    with pytest.raises(Invalid, match=r"more: \{visitor"):
        destinations.update(hook.id, mapping={"plan": slip, "more": slip}, actor="cli")
    with pytest.raises(Invalid, match=r"take U\+200B out"):
        destinations.update(hook.id, name=name + "!", actor="cli")


@pytest.mark.parametrize("blank", ["", MASK])
def test_a_secret_left_out_or_blank_stays(
    destinations: Destinations, store: Store, hook: Destination, blank: str
) -> None:
    destinations.update(hook.id, settings={"url": URL + "/2"}, actor="cli")
    destinations.update(hook.id, settings={"secret": blank, "headers": blank}, actor="cli")
    assert stored(store, hook.id) == {
        "url": URL + "/2",
        "secret": SECRET,
        "headers": {"X-Team": "red", "X-Env": "prod"},
    }


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example.com/hook", "http://example.com/hook", "https://example.com:8443/hook"]
)
def test_a_secret_goes_to_no_other_server_unless_it_is_typed_again(
    destinations: Destinations, store: Store, hook: Destination, url: str
) -> None:
    headers = {"X-Team": "red", "X-Env": "prod"}
    for kept in ({}, {"secret": MASK, "headers": ""}, {"secret": "", "headers": f"X-Team: {MASK}\nX-Env: prod"}):
        with pytest.raises(Invalid, match="Type this again") as caught:
            destinations.update(hook.id, settings={"url": url, **kept}, actor=JANE)
        assert list(caught.value.errors) == ["settings.secret", "settings.headers"]
    with pytest.raises(Invalid) as caught:
        destinations.update(hook.id, settings={"url": url, "secret": SECRET, "headers": {"X-Env": "prod"}}, actor=JANE)
    assert list(caught.value.errors) == ["settings.headers"]
    assert stored(store, hook.id)["url"] == URL
    destinations.update(hook.id, settings={"url": url, "secret": SECRET, "headers": headers}, actor=JANE)
    destinations.update(hook.id, settings={"url": url + "/2"}, actor=JANE)
    destinations.update(hook.id, settings={"url": URL, "secret": None, "headers": None}, actor=JANE)
    assert stored(store, hook.id) == {"url": URL}


def test_a_password_goes_to_no_other_host_and_the_command_line_may_send_it_anywhere(
    destinations: Destinations, store: Store
) -> None:
    given = {"host": "warehouse.example.com", "database": "d", "user": "u", "password": "opensesame-9"}
    table = destinations.add("postgres", "Table", given, events=["*"], actor="cli").id
    for change in ({"host": "elsewhere.example.com"}, {"port": 5433}):
        with pytest.raises(Invalid) as caught:
            destinations.update(table, settings=change, actor=JANE)
        assert list(caught.value.errors) == ["settings.password"]
    destinations.update(table, settings={"host": "Warehouse.example.com", "port": "5432", "user": "v"}, actor=JANE)
    destinations.update(table, settings={"host": "elsewhere.example.com"}, actor="cli")
    assert stored(store, table)["password"] == "opensesame-9"


def test_a_secret_is_replaced_by_a_new_one_and_cleared_by_none(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    destinations.update(hook.id, settings={"secret": OTHER_SECRET}, actor="cli")
    assert stored(store, hook.id)["secret"] == OTHER_SECRET
    destinations.update(hook.id, settings={"secret": None, "headers": None}, actor="cli")
    assert stored(store, hook.id) == {"url": URL}


def test_headers_as_lines_replace_and_as_a_mapping_add(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    destinations.update(hook.id, settings={"headers": {"X-New": "1", "X-Team": ""}}, actor="cli")
    assert stored(store, hook.id)["headers"] == {"X-Team": "red", "X-Env": "prod", "X-New": "1"}
    destinations.update(hook.id, settings={"headers": f"X-Team: {MASK}\nX-Env: dev\n"}, actor="cli")
    assert stored(store, hook.id)["headers"] == {"X-Team": "red", "X-Env": "dev"}


def test_a_plain_setting_left_blank_falls_back_to_the_plugins_default(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    destinations.update(hook.id, settings={"method": "PUT"}, actor="cli")
    assert stored(store, hook.id)["method"] == "PUT"
    assert destinations.update(hook.id, settings={"method": ""}, actor="cli").settings_shown["method"] == "POST"


def test_a_refused_change_changes_nothing(destinations: Destinations, store: Store, hook: Destination) -> None:
    with pytest.raises(Invalid):
        destinations.update(hook.id, name="New", settings={"url": "nonsense"}, events=[], actor="cli")
    assert destinations.get(hook.id) == hook


def test_every_change_raises_the_version(destinations: Destinations, hook: Destination) -> None:
    assert destinations.update(hook.id, name="New", actor="cli").version == 2
    assert destinations.update(hook.id, events=["Lead"], actor="cli").version == 3
    assert destinations.find("new").events == ("Lead",)


def test_a_pause_holds_what_waits_and_resuming_makes_it_due(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    waiting = [
        put(store, hook.id, "pending"),
        put(store, hook.id, "retrying"),
        put(store, hook.id, "pending", mode="test"),
    ]
    in_hand, done = put(store, hook.id, "sending"), put(store, hook.id, "delivered")
    elsewhere, unclear = put(store, hook.id + 1, "pending"), put(store, hook.id, "held", "ambiguous")
    assert destinations.pause(hook.id, actor="cli").status == "paused"
    seen = states(store)
    assert all(seen[one] == ("held", "destination_paused", False) for one in waiting)
    others = (in_hand, done, elsewhere, unclear)
    assert [seen[one][0] for one in others] == ["sending", "delivered", "pending", "held"]
    assert destinations.resume(hook.id, actor="cli").status == "on"
    seen = states(store)
    assert all(seen[one] == ("pending", None, True) for one in waiting)
    assert seen[unclear] == ("held", "ambiguous", False)


def test_turning_off_stops_what_waits_or_is_held_for_good(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    ended = [put(store, hook.id, "pending"), put(store, hook.id, "retrying"), put(store, hook.id, "held", "ambiguous")]
    destinations.turn_off(hook.id, actor="cli")
    assert all(states(store)[one] == ("stopped", "destination_off", False) for one in ended)
    destinations.turn_on(hook.id, actor="cli")
    assert all(states(store)[one][0] == "stopped" for one in ended)


def test_pausing_and_resuming_do_not_turn_on_what_is_off(destinations: Destinations, hook: Destination) -> None:
    destinations.turn_off(hook.id, actor="cli")
    for verb in (destinations.pause, destinations.resume):
        with pytest.raises(Invalid, match="Turn it on first"):
            verb(hook.id, actor="cli")
    assert destinations.turn_on(hook.id, actor="cli").status == "on"


def test_turning_on_ends_a_pause(destinations: Destinations, store: Store, hook: Destination) -> None:
    waiting = put(store, hook.id, "pending")
    destinations.pause(hook.id, actor="cli")
    destinations.turn_on(hook.id, actor="cli")
    assert states(store)[waiting] == ("pending", None, True)


def test_removing_stops_what_waits_and_erases_the_settings(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    waiting = put(store, hook.id, "pending")
    removed = destinations.remove(hook.id, actor="cli")
    assert (removed.status, removed.settings_shown) == ("removed", {})
    assert states(store)[waiting] == ("stopped", "destination_removed", False)
    assert stored(store, hook.id) == {}
    assert destinations.list() == []
    assert destinations.get(hook.id).name == "My hook"
    with pytest.raises(Invalid, match="for good"):
        destinations.turn_on(hook.id, actor="cli")
    assert destinations.add("webhook", "My hook", {"url": URL}, events=[], actor="cli").id != hook.id


@pytest.mark.parametrize(
    ("verb", "state", "reason"),
    [
        ("pause", "held", "destination_paused"),
        ("turn_off", "stopped", "destination_off"),
        ("remove", "stopped", "destination_removed"),
    ],
)
def test_what_began_to_wait_while_the_status_changed_is_moved_later(
    destinations: Destinations, store: Store, hook: Destination, verb: str, state: str, reason: str
) -> None:
    other = destinations.add("webhook", "Other", {"url": URL}, events=["*"], actor="cli")
    getattr(destinations, verb)(hook.id, actor="cli")
    late, untouched = put(store, hook.id, "retrying"), put(store, other.id, "pending")
    assert destinations.settle_strays() == 1
    assert states(store)[late] == (state, reason, False)
    assert states(store)[untouched][0] == "pending"
    assert destinations.settle_strays() == 0


def test_without_its_plugin_everything_is_masked_and_settings_can_not_be_changed(
    store: Store, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    dropped = tmp_path / "plugins" / "mine.py"
    dropped.parent.mkdir(parents=True)
    dropped.write_text(DROP_IN)
    made = Destinations(store, registry.load(make_settings())).add(
        "mine", "Mine", {"place": "here"}, events=[], actor="cli"
    )
    assert made.settings_shown == {"place": "here"}
    dropped.unlink()
    without = Destinations(store, registry.load(make_settings()))
    assert not without.get(made.id).loaded
    assert without.get(made.id).settings_shown == {"place": MASK}
    with pytest.raises(Invalid, match="plugin is not loaded"):
        without.update(made.id, settings={"place": "there"}, actor="cli")
    assert without.pause(made.id, actor="cli").status == "paused"


DROP_IN = """
from ours.plugin import Destination, Request, Schema, fields, hookimpl


class Mine(Destination):
    slug = "mine"
    label = "Mine"

    class Settings(Schema):
        place = fields.String()

    def build(self, delivery):
        return Request("POST", "https://example.com", json={})


@hookimpl
def register_destinations():
    return [Mine]
"""


def test_routing_and_delivering_see_what_they_need(destinations: Destinations, store: Store, hook: Destination) -> None:
    paused = destinations.add("webhook", "Other", {"url": URL}, events=[], mapping={"a": "b"}, actor="cli")
    destinations.pause(paused.id, actor="cli")
    with store.write() as connection:
        current, lists = queries.to_route(connection, steady=True), queries.allow_lists(connection)
        on, whole = queries.standing(connection), queries.those_on(connection, [hook.id, paused.id])
    assert [(row.id, row.status) for row in current] == [(hook.id, "on"), (paused.id, "paused")]
    assert lists == {hook.id: {"*"}}
    assert {"settings", "mapping"}.isdisjoint(current[0]._fields)
    assert [row.id for row in on] == [row.id for row in whole] == [hook.id]
    assert {"settings", "mapping"}.isdisjoint(on[0]._fields)
    assert {"settings", "mapping"} <= {*whole[0]._fields}


def test_every_change_is_in_the_audit_and_no_secret_is(
    destinations: Destinations, store: Store, hook: Destination
) -> None:
    put(store, hook.id, "pending")
    destinations.update(hook.id, settings={"secret": OTHER_SECRET}, events=["Lead"], actor=JANE)
    for verb in (
        destinations.pause,
        destinations.pause,
        destinations.resume,
        destinations.turn_off,
        destinations.remove,
    ):
        verb(hook.id, actor="cli")
    entries = list(reversed(Audit(store).list()))
    assert [entry.verb for entry in entries] == ["add", "update", "pause", "resume", "turn_off", "remove"]
    assert entries[1].detail == {"changed": ["events", "settings"], "version": 2}
    assert entries[2].detail == {"dispatches": 1}
    assert all(secret not in repr(entries) for secret in (SECRET, OTHER_SECRET, URL))
