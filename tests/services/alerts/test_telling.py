"""Told once, by every channel, again while it lasts, and when it is over."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours.services.alerts import Alerts, shapes
from ours.settings import Settings
from ours.store.tables import destinations
from tests.receiver import Receiver
from tests.services.alerts.hearing import DAY, Mailbox, always, failing, kinds, said, stages
from tests.services.conftest import Place
from tests.services.scripted import deliver, scripted, sweep_of


def test_a_failing_destination_is_told_once_again_after_a_day_and_when_it_is_well(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    hook, alerts = failing(place), alerts_of(alert_webhook=receiver.url)
    for _ in range(3):
        alerts.run()
        now.shift(60)
    (document,) = said(receiver)
    (alert,) = document["alerts"]
    assert alert["kind"] == "failing"
    assert alert["subject"] == f"destination {hook}"
    assert "“Hook” is failing: 10 tries in a row." in document["text"]
    assert "u1" not in receiver.requests[0].body.decode()
    now.shift(DAY)
    alerts.run()
    assert stages(receiver) == ["opened", "still"]

    sweep_of(place).run()
    deliver(place)
    for _ in range(4):
        alerts.run()
        now.shift(40)
    assert stages(receiver) == ["opened", "still", "resolved"]
    assert said(receiver)[-1]["text"].startswith("Resolved: “Hook” is failing")
    assert list(alerts.list()) == []
    assert kinds(alerts.list(closed=True)) == ["failing"]


def test_what_is_well_for_a_moment_only_is_neither_resolved_nor_told_anew(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    hook, alerts = failing(place), alerts_of(alert_webhook=receiver.url)
    for state in ("open", "closed", "open", "closed", "open"):
        with place.store.write() as connection:
            connection.execute(sa.update(destinations).where(destinations.c.id == hook).values(breaker=state))
        alerts.run()
        now.shift(40)
    assert stages(receiver) == ["opened"]


def test_what_comes_and_goes_is_not_told_each_time(
    alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    here = alerts._settings
    half = shutil.disk_usage(here.home).free // 2**21
    for number in range(120):  # an hour: a minute and a half of each
        alerts._settings = replace(here, min_free_mb=half if number % 6 < 3 else 0)
        alerts.run()
        now.shift(30)
    assert stages(receiver) == ["opened", "resolved", "opened"]
    for _ in range(5):
        now.shift(30)
        alerts.run()
    assert alerts.list() == []
    assert stages(receiver)[3:] == ["resolved"]


def test_a_pager_that_does_not_take_one_of_several_is_told_all_again(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, monkeypatch: pytest.MonkeyPatch,
    now: time_machine.Traveller,
) -> None:  # fmt: skip
    monkeypatch.setitem(shapes._SHAPES, "127.0.0.1", shapes._pagerduty)
    failing(place)
    with place.store.write() as connection:
        connection.execute(sa.insert(destinations).values(_another_that_fails(connection)))
    alerts = alerts_of(alert_webhook=receiver.url.replace("//", "//KEY@"))
    receiver.answer(429, times=1)
    alerts.run()
    assert {one.problem for one in alerts.list()} == {"webhook: The webhook answered 429."}
    now.shift(61)
    alerts.run()
    assert {one.problem for one in alerts.list()} == {None}
    keys_ = [one["dedup_key"] for one in said(receiver)]
    assert len(keys_) == 4
    assert sorted(keys_[:2]) == sorted(keys_[2:])
    assert {one["routing_key"] for one in said(receiver)} == {"KEY"}
    assert all("authorization" not in one.headers for one in receiver.requests)


def _another_that_fails(connection: Any) -> dict[str, Any]:
    row = connection.execute(sa.select(destinations)).one()._asdict()
    return {**row, "id": row["id"] + 1, "name": "Other"}


def test_several_at_once_are_one_message(place: Place, receiver: Receiver) -> None:
    place.track()
    Alerts(
        place.store, place.registry,
        replace(place.settings, min_free_mb=10**9, max_backlog=2, alert_webhook=receiver.url), always,
    ).run()  # fmt: skip
    (document,) = said(receiver)
    assert len(document["alerts"]) == len(document["text"].splitlines()) == 3


def test_what_follows_within_a_minute_is_gathered_for_the_next_message(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    place = scripted(place)
    for number in range(1, 7):
        place.destinations.add("scripted", f"Hook {number}", {}, events=[], actor="cli")
    alerts = alerts_of(alert_webhook=receiver.url)
    for number in range(1, 7):
        with place.store.write() as connection:
            connection.execute(sa.update(destinations).where(destinations.c.id == number).values(breaker="open"))
        alerts.run()
        now.shift(9)
    assert [len(document["alerts"]) for document in said(receiver)] == [1]
    now.shift(10)
    alerts.run()
    assert [len(document["alerts"]) for document in said(receiver)] == [1, 5]


def test_what_no_channel_took_is_told_later(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    failing(place)
    receiver.answer(500, times=1)
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    assert alerts.list()[0].problem == "webhook: The webhook answered 500."
    assert alerts.list()[0].told_at is None
    alerts.run()
    assert len(receiver.requests) == 1
    now.shift(61)
    alerts.run()
    assert stages(receiver) == ["opened", "opened"]
    assert alerts.list()[0].problem is None


def test_what_one_channel_did_not_take_it_alone_is_told_soon(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    hook = failing(place)
    box, port = mailbox
    receiver.answer(500, times=2)
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(4):
        alerts.run()
        now.shift(61)
    assert (stages(receiver), len(box.mails)) == (["opened"] * 3, 1)
    assert alerts.list()[0].problem is None
    now.shift(DAY - 4 * 61)
    alerts.run()
    assert (stages(receiver)[3:], len(box.mails)) == (["still"], 2)
    place.destinations.turn_off(hook, actor="cli")
    box.refuses = True
    alerts.run()
    now.shift(61)
    alerts.run()
    box.refuses = False
    for _ in range(3):
        now.shift(61)
        alerts.run()
    assert (stages(receiver)[4:], len(box.mails)) == (["resolved"], 3)
    assert str(box.mails[2]["Subject"]).startswith("[Ours] Resolved:")


def test_a_channel_that_never_takes_is_asked_less_often_and_not_for_ever(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    hook = failing(place)
    box, port = mailbox
    receiver.answer(500, times=10_000)
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(60):
        alerts.run()
        now.shift(60)
    assert len(receiver.requests) < 12
    place.destinations.turn_off(hook, actor="cli")
    alerts.run()
    for seconds in (61, DAY, DAY, 61):
        now.shift(seconds)
        alerts.run()
    asked = len(receiver.requests)
    now.shift(DAY)
    alerts.run()
    assert (len(receiver.requests), len(box.mails)) == (asked, 2)


def test_a_channel_that_is_no_more_is_waited_for_no_longer(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    failing(place)
    box, port = mailbox
    receiver.answer(500, times=1)
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts_of(alert_webhook=receiver.url, **mail).run()
    alone = alerts_of(**mail)
    for seconds in (61, 61, DAY):
        now.shift(seconds)
        alone.run()
    assert [str(one["Subject"])[:13] for one in box.mails] == ["[Ours] “Hook”", "[Ours] Still:"]


def test_an_alert_that_ended_before_it_could_be_told_is_not_told_at_all(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    hook = failing(place)
    alerts_of().run()  # nobody to tell
    place.destinations.turn_off(hook, actor="cli")
    for _ in range(3):
        alerts_of().run()
        now.shift(61)
    alerts_of(alert_webhook=receiver.url).run()
    assert receiver.requests == []


def test_the_clock_set_back_delays_nothing(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller
) -> None:
    now.shift(30 * DAY)
    failing(place)
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    now.shift(-30 * DAY)
    alerts.run()
    assert stages(receiver) == ["opened", "still"]


def test_the_webhook_goes_through_the_guard(
    place: Place, make_settings: Callable[..., Settings], receiver: Receiver
) -> None:
    guarded = replace(make_settings(alert_webhook=receiver.url), allow_networks=())
    (told,) = Alerts(place.store, place.registry, guarded, always).test()
    assert told.problem is not None
    assert "OURS_ALLOW_NETWORKS" in told.problem
    assert receiver.requests == []


def test_a_webhook_whose_address_can_not_be_read_keeps_no_mail_back(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    webhook, email = alerts_of(alert_webhook="https://*.example.com/", **mail).test()
    assert webhook.problem == "The address in OURS_ALERT_WEBHOOK can't be read."
    assert (email.problem, len(box.mails)) == (None, 1)


def test_two_schedulers_tell_it_once(place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver) -> None:
    failing(place)
    with place.store.alone("alerts") as mine:
        assert mine
        alerts_of(alert_webhook=receiver.url).run()
    assert receiver.requests == []
    for _ in range(2):
        alerts_of(alert_webhook=receiver.url).run()
    assert len(receiver.requests) == 1
