"""A plugin that asks for more than it did holds what its destinations are owed, says so, and lets it go once mended."""

import sys
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from ours import log, timebox
from ours.errors import Invalid
from ours.plugin import Destination, Schema, Secret, ValidationError, fields
from ours.services.alerts.noticing import notice
from ours.services.destinations import fitting
from ours.services.history import History
from ours.services.preview import Preview
from ours.store.tables import destinations
from tests.services.conftest import Place
from tests.services.losing import told
from tests.services.scripted import Scripted, deliver, scripted, sweep_of

TOKEN = "a-token-that-nobody-may-see"
FAULT = "settings_invalid"


def is_a_region(value: str) -> None:
    raise ValidationError(f"{value} is no region; {TOKEN} neither.")


class Early(Scripted):
    slug = "grown"

    class Settings(Schema):
        token = Secret(required=True)


class Later(Early):
    class Settings(Schema):
        token = Secret(required=True)
        region = fields.String(required=True)


class Renamed(Early):
    class Settings(Schema):
        key = Secret(required=True)


class Strict(Early):
    class Settings(Schema):
        token = Secret(required=True, validate=is_a_region)


class Broken(Early):
    class Settings(Schema):
        token = Secret(required=True, validate=lambda value: value.nothing)


class Hanging(Early):
    class Settings(Schema):
        token = Secret(required=True, validate=lambda _value: time.sleep(1000))


class Leaving(Early):
    class Settings(Schema):
        token = Secret(required=True, validate=lambda _value: sys.exit(1))


def with_plugin(place: Place, kind: type[Destination]) -> Place:
    """Started anew with this one."""
    place.load_only(kind())
    return place


@pytest.fixture
def engine_kind() -> str:
    return "sqlite"


@pytest.fixture
def grown(place: Place) -> Place:
    scripted(place)
    with_plugin(place, Early).destinations.add("grown", "Shop", {"token": TOKEN}, events=["*"], actor="cli")
    place.track()
    place.work()
    assert place.states() == {"delivered": 1}
    return place


def concern(place: Place) -> Any:
    (found,) = notice(place.store, place.registry, place.settings)
    return found


def test_a_new_required_setting_holds_and_says_which(grown: Place, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("WARNING", "text")
    with_plugin(grown, Later)
    ids = [grown.track(mode=mode).event_id for mode in ("live", "live", "test")]
    grown.work()
    assert [told(grown)[one] for one in ids] == [("held", FAULT, 0)] * 3
    assert grown.difference() == 0
    found = concern(grown)
    assert (found.kind, found.subject) == ("unfit", "destination 1")
    assert "“Shop”" in found.words
    assert "region: Must be given." in found.words
    logged = [line for line in capsys.readouterr().err.splitlines() if "destination_unfit" in line]
    assert len(logged) == 1  # not for each event
    assert "region" in logged[0]
    assert TOKEN not in logged[0] + found.words
    unfit = grown.destinations.get(1).unfit
    assert unfit is not None
    assert (unfit.reason, "region" in unfit.words) == (FAULT, True)


def test_it_goes_on_by_itself_once_the_setting_is_there(grown: Place) -> None:
    with_plugin(grown, Later)
    grown.track()
    grown.work()
    sweep_of(grown).run()
    assert grown.states() == {"delivered": 1, "held": 1}
    grown.destinations.update(1, settings={"region": "eu"}, actor="cli")
    sweep_of(grown).run()
    deliver(grown)
    assert grown.states() == {"delivered": 2}
    assert notice(grown.store, grown.registry, grown.settings) == []
    assert grown.destinations.get(1).unfit is None


def test_a_setting_that_was_renamed_can_be_filled_in_and_what_is_typed_must_still_be_known(grown: Place) -> None:
    with_plugin(grown, Renamed)
    grown.track()
    grown.work()
    assert grown.states() == {"delivered": 1, "held": 1}
    with pytest.raises(Invalid, match=r"settings\.token: There is no such field. There are key"):
        grown.destinations.update(1, settings={"key": "new", "token": "typed"}, actor="cli")
    grown.destinations.update(1, settings={"key": "new"}, actor="cli")
    sweep_of(grown).run()
    deliver(grown)
    assert grown.states() == {"delivered": 2}


def test_it_goes_on_by_itself_once_the_plugin_is_as_it_was(grown: Place) -> None:
    with_plugin(grown, Later)
    grown.track()
    grown.work()
    with_plugin(grown, Early)
    sweep_of(grown).run()
    deliver(grown)
    assert grown.states() == {"delivered": 2}


def test_nobody_rolls_back_to_what_the_plugin_of_now_would_hold_all_for(grown: Place) -> None:
    with_plugin(grown, Later).destinations.update(1, settings={"region": "eu"}, actor="cli")
    history = History(grown.store, grown.registry)
    with pytest.raises(Invalid, match=r"region: Must be given\. .*put the plugin back") as refused:
        history.roll_back("destination 1", 1, actor="cli")
    assert TOKEN not in str(refused.value)
    assert (grown.destinations.get(1).version, grown.destinations.get(1).unfit) == (2, None)
    history = History(grown.store, with_plugin(grown, Early).registry)
    assert history.roll_back("destination 1", 1, actor="cli").number == 3


@pytest.mark.parametrize("kind", [Strict, Broken])
def test_what_a_plugin_says_of_its_settings_shows_no_value(
    grown: Place, kind: type[Destination], capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("WARNING", "text")
    with_plugin(grown, kind)
    grown.track()
    grown.work()
    assert grown.states() == {"delivered": 1, "held": 1}
    said = concern(grown).words + capsys.readouterr().err
    assert "token" in said if kind is Strict else "AttributeError" in said
    assert TOKEN not in said


def test_a_mapping_that_is_not_understood_holds_too(grown: Place) -> None:
    set_mapping(grown, '{"page": {"map": "{{event.event}}", "modification": "Vanished"}}')
    grown.track()
    grown.work()
    assert [one[:2] for one in told(grown).values()] == [("delivered", None), ("held", "mapping_invalid")]
    assert "Its mapping can't be read: page: " in concern(grown).words
    set_mapping(grown, "{}")
    sweep_of(grown).run()
    deliver(grown)
    assert grown.states() == {"delivered": 2}


def set_mapping(place: Place, mapping: str) -> None:
    with place.store.write() as connection:
        values = {"mapping": mapping, "version": destinations.c.version + 1}
        connection.execute(sa.update(destinations).values(values))


def test_one_that_is_off_is_no_concern(grown: Place) -> None:
    grown.destinations.turn_off(1, actor="cli")
    with_plugin(grown, Later)
    assert notice(grown.store, grown.registry, grown.settings) == []


def test_what_is_no_secret_is_shown_though_it_does_not_fit(grown: Place) -> None:
    with_plugin(grown, Later).destinations.update(1, settings={"region": "eu"}, actor="cli")

    class Latest(Later):
        class Settings(Schema):
            token = Secret(required=True)
            region = fields.String(required=True)
            room = fields.String(required=True)

    shown = with_plugin(grown, Latest).destinations.get(1).settings_shown
    assert shown == {"token": "••••", "region": "eu"}


def test_what_was_secret_stays_so_in_the_versions_of_then(grown: Place) -> None:
    """A later version of the plugin gives the name to something that is none."""

    class Plain(Later):
        class Settings(Schema):
            token = fields.String()
            region = fields.String()

    with_plugin(grown, Later).destinations.update(1, settings={"region": "eu"}, actor="cli")
    with_plugin(grown, Plain).destinations.update(1, settings={"token": "a-name"}, actor="cli")
    history = History(grown.store, grown.registry)
    assert TOKEN not in repr([history.show("destination 1", 1), history.diff("destination 1", 1)])
    assert history.show("destination 1", 2).document["settings"] == {"token": "••••", "region": "eu"}
    assert history.show("destination 1", 3).document["settings"] == {"token": "a-name", "region": "eu"}
    assert "secrets" not in history.show("destination 1", 3).document


@pytest.mark.parametrize("kind", [Hanging, Leaving])
def test_a_check_of_a_setting_that_does_not_come_back_holds_its_own_destination_alone(
    grown: Place, kind: type[Destination], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timebox, "TICK", 0.02)
    monkeypatch.setattr(timebox, "SECONDS", 0.06)
    with_plugin(grown, kind)
    grown.track()
    grown.work()
    assert grown.states() == {"delivered": 1, "held": 1}


@pytest.mark.parametrize(("kind", "cause"), [(Hanging, "TooLong"), (Leaving, "SystemExit"), (Broken, "AttributeError")])
def test_a_check_of_a_setting_that_does_not_come_back_keeps_no_page_and_no_change_waiting(
    grown: Place, kind: type[Destination], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timebox, "SECONDS", 0.06 if kind is Hanging else 30.0)
    with_plugin(grown, kind)
    (shown,) = grown.destinations.list()
    assert (shown.settings_shown, concern(grown).kind) == ({"token": "••••"}, "unfit")
    assert shown.unfit is not None
    assert cause in shown.unfit.words
    with pytest.raises(Invalid, match=f"it raised {cause}: mend it"):
        grown.destinations.update(1, settings={"token": "another-token"}, actor="cli")
    assert grown.destinations.pause(1, actor="cli").status == "paused"


def test_what_does_not_come_back_is_not_asked_again_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timebox, "SECONDS", 0.06)
    asked, goes_on = list[int](), threading.Event()

    def waits() -> bool:
        asked.append(threading.get_ident())
        return goes_on.wait(60)

    for _ in range(3):
        with pytest.raises(timebox.TooLong):
            timebox.limited_anywhere(waits, "somebody")
    assert len(asked) == 1
    goes_on.set()
    deadline = time.monotonic() + 30
    while timebox._left["somebody"].is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert timebox.limited_anywhere(waits, "somebody")


def test_what_did_not_change_is_not_read_again_each_time_the_alerts_look(
    grown: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They look every few seconds, and 300 mappings of 100 fields take a third of a second."""
    read: list[object] = []
    mapper_of = fitting.mapper_of

    def noted(plugin: Destination, category: str, mapping: Any, cases: Any) -> Any:
        read.append(mapping)
        return mapper_of(plugin, category, mapping, cases)

    monkeypatch.setattr(fitting, "mapper_of", noted)
    grown.destinations.update(1, mapping={"plan": "{{event.event}}"}, actor="cli")
    for _ in range(3):
        assert notice(grown.store, grown.registry, grown.settings) == []
    assert read == [{"plan": "{{event.event}}"}]
    set_mapping(grown, '{"page": {"map": "{{event.event}}", "modification": "Gone since"}}')
    assert [concern(grown).kind, concern(grown).kind] == ["unfit", "unfit"]
    assert len(read) == 2


def test_a_plugin_is_asked_once_of_settings_that_did_not_change(grown: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread for each of 300 destinations at each look took half a minute where other threads were busy."""
    asked: list[object] = []
    limited_anywhere = timebox.limited_anywhere

    def noted(call: Any, who: object) -> Any:
        asked.append(who)
        return limited_anywhere(call, who)

    grown.destinations.update(1, settings={"token": "another-token"}, actor="cli")
    monkeypatch.setattr(timebox, "limited_anywhere", noted)
    for _ in range(3):
        (shown,) = grown.destinations.list()
        assert (shown.settings_shown, shown.unfit) == ({"token": "••••"}, None)
    assert len(asked) <= 1


@pytest.mark.parametrize(("kind", "cause"), [(Hanging, "TooLong"), (Leaving, "SystemExit"), (Broken, "AttributeError")])
def test_a_plugin_that_can_not_check_its_settings_is_no_end_of_a_preview(
    grown: Place, kind: type[Destination], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timebox, "SECONDS", 0.06 if kind is Hanging else 30.0)
    with_plugin(grown, kind)
    preview = Preview(grown.store, grown.registry)
    with pytest.raises(Invalid, match=f"it raised {cause}: mend it"):
        preview.destination(1, mapping={"plan": "{{event.event}}"})
    assert not preview.governance([]).effects


def test_a_version_that_is_made_without_the_plugin_shows_no_setting_to_a_later_one(grown: Place) -> None:
    """Nobody knew then which was secret."""

    class Plain(Later):
        class Settings(Schema):
            token = fields.String()
            region = fields.String()

    with_plugin(grown, Later).destinations.update(1, settings={"region": "eu"}, actor="cli")
    grown.load_only()
    grown.destinations.update(1, name="Renamed", actor="cli")
    with_plugin(grown, Plain)
    history = History(grown.store, grown.registry)
    assert history.show("destination 1", 3).document["name"] == "Renamed"
    assert TOKEN not in repr([history.show("destination 1", 3), history.diff("destination 1", 3)])
