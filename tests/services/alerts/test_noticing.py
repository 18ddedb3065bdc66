"""What becomes an alert, and when it is none."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.plugin import Retry, Unauthorized
from ours.registry import Registry
from ours.registry.registry import SetAside
from ours.services.alerts import Alerts
from ours.services.conservation import Conservation
from ours.services.metrics import Counting
from ours.services.replay import Replay
from ours.services.retention import Retention
from ours.services.sources import Sources
from ours.services.tokens import Tokens
from ours.store.queries import moments
from ours.store.queries.destinations import LONGEST_REST, let_rest
from ours.store.queries.replay import Filter
from ours.store.tables import dispatches, keys
from tests.receiver import Receiver
from tests.services.alerts.hearing import DAY, always, failing, kinds, said, stages
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of


def test_a_calm_installation_has_none(place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    assert list(alerts.list()) == []
    assert receiver.requests == []


def test_no_name_calls_people_or_makes_a_link_where_it_is_told(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver
) -> None:
    name = "A&B <!channel> @everyone <http://evil.example|see> [here](https://evil.example)"
    place.destinations.update(failing(place), name=name, actor="cli")
    alerts_of(alert_webhook=receiver.url).run()
    (document,) = said(receiver)
    assert name in document["alerts"][0]["message"]
    assert "“A&amp;B &lt;!channel&gt;" in document["text"]
    assert not re.search(r"[<>]|@\w|://|\]\(", document["text"])


def test_a_destination_that_we_paused_and_one_that_a_person_paused(
    place: Place, alerts_of: Callable[..., Alerts]
) -> None:
    place = scripted(place)
    for name in ("Refuses", "Rests"):
        place.destinations.add("scripted", name, {}, events=[name], actor="cli")
    place.destinations.pause(2, actor="cli")
    Scripted.outcomes.extend([Unauthorized("http_401", "Who are you?")] * 5)
    for _ in range(5):
        place.track("Refuses")
    route_all(place)
    deliver(place)
    alerts = alerts_of()
    alerts.run()
    (alert,) = alerts.list()
    assert (alert.kind, alert.destination_id) == ("paused", 1)


def test_a_destination_that_answers_and_takes_nothing_is_told_until_something_arrives(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    def count(times: int, mode: str = "live") -> None:
        for _ in range(times):
            place.track(mode=mode)
        place.work()
        now.shift(5 * 60)
        Counting(place.store).count_on()
        alerts.run()

    hook = place.webhook(receiver)
    alerts = alerts_of()
    count(1)
    receiver.answer(422)
    count(9)
    assert alerts.list() == []
    count(2, "test")
    assert alerts.list() == []
    count(1)
    (alert,) = alerts.list()
    assert (alert.kind, alert.destination_id) == ("rejecting", hook)
    assert alert.words == "“Hook” rejects everything: the last 10 dispatches were rejected, and none arrived."
    assert "ours replay many --state rejected" in alert.remedy
    now.shift(DAY)
    count(0)
    assert kinds(alerts.list()) == ["rejecting"]  # nothing came: nothing has shown that it is over
    receiver.answer(200)
    count(1)
    now.shift(61)
    alerts.run()
    assert alerts.list() == []


def test_a_destination_that_is_off_is_said_to_reject_nothing(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    hook = place.webhook(receiver)
    receiver.answer(400)
    for _ in range(10):
        place.track()
    place.work()
    place.destinations.turn_off(hook, actor="cli")
    now.shift(5 * 60)
    Counting(place.store).count_on()
    alerts = alerts_of()
    alerts.run()
    assert alerts.list() == []


def test_what_a_killed_worker_had_in_hand_is_told_where_nothing_dedupes(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    place = scripted(place)
    for name in ("Hook", "Calm"):
        place.destinations.add("scripted", name, {}, events=[name], actor="cli")
    place.track("Hook")
    route_all(place)
    die(place)
    now.shift(20)
    sweep_of(place).run()
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    (alert,) = alerts.list()
    assert (alert.kind, alert.destination_id) == ("ambiguous", 1)
    assert "`ours replay many --state held --reason ambiguous`" in said(receiver)[0]["text"]
    wanted = Filter(states=frozenset({"held"}), reason="ambiguous")
    assert Replay(place.store, place.registry).many(wanted, actor="cli") == 1
    for _ in range(3):
        now.shift(61)
        alerts.run()
    assert stages(receiver) == ["opened", "resolved"]


def test_a_lost_decision_is_told_by_the_balance_and_by_name(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver
) -> None:
    place.webhook(receiver)
    place.track()
    route_all(place)
    with place.store.write() as connection:
        connection.execute(sa.delete(dispatches))
    Conservation(place.store).tick()
    alerts = alerts_of()
    alerts.run()
    assert sorted(kinds(alerts.list())) == ["balance", "lost"]


def test_disk_backlog_plugins_and_what_is_held_for_long(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    hook = place.webhook(receiver)
    place.destinations.pause(hook, actor="cli")
    place.track()
    route_all(place)
    now.shift(28 * DAY)
    place.track()
    place.registry = Registry([], [SetAside("crm", "drop-in", "plugins/crm.py", "It raised SyntaxError.")])
    tight = replace(place.settings, min_free_mb=10**9, max_backlog=2)
    alerts = Alerts(place.store, place.registry, tight, always)
    alerts.run()
    found = {one.kind: one.words for one in alerts.list()}
    assert set(found) == {"expiring", "backlog", "plugin", "disk", "refused"}
    assert "1 dispatch on hold that will be given up within 3 days" in found["expiring"]
    assert "SyntaxError" in found["plugin"]


@pytest.mark.parametrize(("gauge", "warns", "refuses"), [("min_free_mb", None, 10**9), ("max_backlog", 2, 1)])
def test_that_new_events_are_refused_is_told_though_what_led_to_it_was(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    gauge: str, warns: int | None, refuses: int,
) -> None:  # fmt: skip
    alerts = alerts_of(alert_webhook=receiver.url)
    here = alerts._settings
    place.track()
    warns = warns or shutil.disk_usage(here.home).free // 2**21
    for limit, states in ((warns, ["opened"]), (refuses, ["opened"]), (warns, []), (warns, ["resolved"])):
        before = len(stages(receiver))
        alerts._settings = replace(here, **{gauge: limit})  # type: ignore[arg-type]
        alerts.run()
        now.shift(61)
        assert stages(receiver)[before:] == states
    assert "New events are refused" in said(receiver)[1]["text"]


def test_a_clock_that_leaps_is_told_before_anything_is_deleted_by_it(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    keep, alerts = Retention(place.store, place.settings), alerts_of(alert_webhook=receiver.url)
    keep.tick()
    for seconds, told in ((5 * 3600, []), (400 * DAY, ["clock"])):
        now.shift(seconds)
        keep.tick()
        alerts.run()
        assert kinds(alerts.list()) == told
    assert str(clock.iso(clock.now_ms() + clock.HOUR)) in alerts.list()[0].words
    assert "correct it before then" in said(receiver)[0]["text"]
    now.shift(-400 * DAY)
    alerts.run()
    assert stages(receiver) == ["opened"]  # it lasts no more, so it is not told anew
    now.shift(61)
    alerts.run()
    assert alerts.list() == []
    assert said(receiver)[-1]["text"].startswith("Over: The clock jumped ahead")


def test_a_token_is_told_before_it_ends_and_its_end_is_no_remedy(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    tokens = Tokens(place.store)
    tokens.add("crm", ["balance:read"], days=90, actor="cli")
    revoked, _ = tokens.add("gone", ["balance:read"], days=90, actor="cli")
    tokens.revoke(revoked.id, actor="cli")
    alerts = alerts_of(alert_webhook=receiver.url)
    now.shift(82 * DAY)
    alerts.run()
    assert receiver.requests == []
    now.shift(DAY + 1)
    alerts.run()
    (alert,) = alerts.list()
    assert (alert.kind, alert.subject) == ("ending", "token 1")
    assert "The token “crm” expires at " in alert.words
    assert "a new one" in said(receiver)[0]["text"]
    now.shift(7 * DAY)
    alerts.run()
    now.shift(61)
    alerts.run()
    assert said(receiver)[-1]["text"].startswith("Over: The token “crm”")
    assert stages(receiver)[0] == "opened"
    assert stages(receiver)[-1] == "resolved"


def test_an_old_key_that_is_still_used_is_told_two_days_before_it_ends(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller
) -> None:
    sources, alerts = Sources(place.store), alerts_of()
    used, unused = (sources.add(name, actor="cli").source.id for name in ("Used", "Unused"))
    now.shift(60)
    for one in (used, unused):
        sources.rotate(one, "live", 7 * DAY, actor="cli")
    now.shift(5 * DAY - 60)

    def use() -> None:
        with place.store.write() as connection:
            mine = (keys.c.source_id == used) & keys.c.expires_at.is_not(None)
            connection.execute(sa.update(keys).where(mine).values(last_used_at=clock.now_ms()))

    use()
    alerts.run()
    assert kinds(alerts.list()) == []
    now.shift(120)
    alerts.run()
    (alert,) = alerts.list()
    assert alert.words.startswith(f"“Used” still sends with its old live key {used * 2 - 1}, which expires at ")
    now.shift(DAY)
    alerts.run()
    now.shift(61)
    alerts.run()
    assert kinds(alerts.list()) == []  # nobody has used it since


def test_a_backlog_is_a_concern_from_half_its_limit_on(place: Place, alerts_of: Callable[..., Alerts]) -> None:
    for count, expected in ((4, []), (1, ["backlog"])):
        for _ in range(count):
            place.track()
        alerts = alerts_of(max_backlog=10)
        alerts.run()
        assert kinds(alerts.list()) == expected


def test_what_nobody_routes_or_sends_is_told_after_five_minutes(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller
) -> None:
    place = scripted(place)
    hook = place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli").id
    alerts = alerts_of()
    place.track()
    for seconds, expected in ((290, []), (20, [("late", "")])):
        now.shift(seconds)
        alerts.run()
        assert [(one.kind, one.subject) for one in alerts.list()] == expected

    route_all(place)
    alerts.run()
    for seconds, expected in ((70, []), (240, [("late", f"destination {hook}")])):
        now.shift(seconds)
        alerts.run()
        assert [(one.kind, one.subject) for one in alerts.list()] == expected

    deliver(place)
    alerts.run()
    now.shift(70)
    alerts.run()
    assert list(alerts.list()) == []


def test_what_waits_for_a_retry_or_behind_one_or_was_paused_is_not_late(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scripted, "ordered", True)
    place = scripted(place)
    place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli")
    rests = place.destinations.add("scripted", "Rests", {}, events=["*"], actor="cli").id
    place.destinations.pause(rests, actor="cli")
    Scripted.outcomes.append(Retry("http_503", "Later.", after=3600))
    for _ in range(2):
        place.track()
        route_all(place)
        deliver(place)
    assert place.states() == {"retrying": 1, "pending": 1, "held": 2}
    now.shift(600)
    alerts = alerts_of()
    alerts.run()
    assert list(alerts.list()) == []


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_nothing_is_late_by_a_clock_that_is_ahead_of_the_databases(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = scripted(place)
    place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli")
    place.track()
    route_all(place)
    there = clock.now_ms()
    monkeypatch.setattr(moments, "now", lambda _: there)
    now.shift(600)
    alerts = alerts_of()
    alerts.run()
    assert list(alerts.list()) == []


def test_an_old_backlog_of_a_destination_that_asked_for_a_day_of_rest_is_not_late(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller
) -> None:
    place = scripted(place)
    hook = place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli").id
    place.track()
    route_all(place)
    now.shift(600)
    alerts = alerts_of()
    moment = clock.now_ms()
    with place.store.write() as connection:
        let_rest(connection, hook, moment + LONGEST_REST, moment)
    for seconds in (0, 200, 200):
        now.shift(seconds)
        alerts.run()
        assert list(alerts.list()) == []
    now.shift(86_400)  # the rest has been over for a while
    alerts.run()
    assert kinds(alerts.list()) == ["late"]
