"""A plugin that is not there any more: what waits for it is held, said, and goes on when it is back."""

from typing import Any

import pytest
import sqlalchemy as sa

from ours.plugin import Retry
from ours.registry import Registry
from ours.services.alerts import Alerts
from ours.services.retention import Retention
from ours.services.sweep import Sweep
from ours.store.tables import dispatches
from tests.services.conftest import Place
from tests.services.scripted import NoQueue, Scripted, deliver, route_all, scripted, sweep_of

DAY = 86_400
HELD = {("held", "plugin_missing")}


@pytest.fixture
def owed(place: Place, now: Any) -> Place:
    """One dispatch waits for its first try, one for its second."""
    scripted(place).destinations.add("scripted", "Hook", {}, events=["*"], actor="cli")
    Scripted.outcomes.append(Retry("http_503", "Later.", after=3600))
    place.track()
    route_all(place)
    deliver(place)
    place.track()
    route_all(place)
    assert place.states() == {"retrying": 1, "pending": 1}
    return place


def sweep_without_it(place: Place) -> None:
    """As a process does that started when the plugin was gone."""
    Sweep(place.store, Registry([]), NoQueue()).run()  # type: ignore[arg-type]


def break_down(place: Place) -> None:
    Scripted.outcomes.extend([Retry("http_503", "Later.")] * 11)
    for _ in range(10):
        place.track()
    route_all(place)
    deliver(place)
    assert place.destinations.list()[0].breaker.state == "open"


def standing(place: Place) -> set[tuple[str, str | None]]:
    with place.store.read() as connection:
        rows = connection.execute(sa.select(dispatches.c.state, dispatches.c.reason))
        return {(row.state, row.reason) for row in rows}


def test_what_waits_is_held_and_goes_on_when_the_plugin_is_back(owed: Place, now: Any) -> None:
    now.shift(3700)
    sweep_without_it(owed)
    assert standing(owed) == HELD
    sweep_of(owed).run()
    assert owed.states() == {"pending": 2}
    deliver(owed)
    assert owed.states() == {"delivered": 2}


def test_what_another_process_can_deliver_is_left_to_it_for_a_minute(owed: Place, now: Any) -> None:
    now.shift(50)
    sweep_without_it(owed)
    assert owed.states() == {"retrying": 1, "pending": 1}
    now.shift(20)
    sweep_without_it(owed)
    assert owed.states() == {"retrying": 1, "held": 1}


def test_what_is_held_for_it_expires_so_that_its_event_can_be_deleted(owed: Place, now: Any) -> None:
    now.shift(3700)
    sweep_without_it(owed)
    now.shift(31 * DAY)
    Retention(owed.store, owed.settings).run()
    assert standing(owed) == {("stopped", "expired")}


def test_a_breaker_that_is_open_is_not_probed_without_it(owed: Place, now: Any) -> None:
    break_down(owed)
    for _ in range(2):
        now.shift(700)
        sweep_without_it(owed)
    assert owed.states() == {"held": 12}
    for _ in range(4):
        now.shift(31)
        sweep_of(owed).run()
        deliver(owed)
    assert owed.states() == {"delivered": 12}


def test_a_half_open_breaker_leaves_no_probe_behind_for_ever(owed: Place, now: Any) -> None:
    break_down(owed)
    sweep_of(owed).run()
    now.shift(31)
    sweep_of(owed).run()
    assert owed.states()["pending"] == 1
    now.shift(61)
    sweep_without_it(owed)
    assert owed.states() == {"held": 12}


def test_a_paused_destination_holds_for_its_pause(owed: Place, now: Any) -> None:
    (hook,) = owed.destinations.list()
    owed.destinations.pause(hook.id, actor="cli")
    now.shift(3700)
    sweep_without_it(owed)
    assert standing(owed) == {("held", "destination_paused")}


def test_each_destination_whose_plugin_is_missing_is_told(owed: Place) -> None:
    for name in ("Paused", "Off", "Removed"):
        owed.destinations.add("scripted", name, {}, events=["*"], actor="cli")
    owed.destinations.pause(2, actor="cli")
    owed.destinations.turn_off(3, actor="cli")
    owed.destinations.remove(4, actor="cli")
    alerts = Alerts(owed.store, Registry([]), owed.settings, lambda: True)
    alerts.run()
    told = {one.subject: one.words for one in alerts.list() if one.kind == "plugin"}
    assert set(told) == {"destination 1", "destination 2"}
    assert (
        told["destination 1"] == "“Hook” needs the plugin scripted, which is not loaded. Everything owed to it is held."
    )
