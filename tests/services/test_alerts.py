"""Alerts: noticed once, told by real channels, told again while they last, and closed when all is well."""

import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pytest
import sqlalchemy as sa
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from ours import clock, log
from ours import mail as mails
from ours.errors import Busy
from ours.plugin import Retry, Unauthorized
from ours.registry import Registry
from ours.registry.registry import SetAside
from ours.services.alerts import Alert, Alerts, shapes
from ours.services.conservation import Conservation
from ours.services.metrics import Counting
from ours.services.replay import Replay
from ours.services.retention import Retention
from ours.services.sources import Sources
from ours.services.tokens import Tokens
from ours.settings import Settings
from ours.store.queries import moments
from ours.store.queries.destinations import LONGEST_REST, let_rest
from ours.store.queries.replay import Filter
from ours.store.tables import destinations, dispatches, keys
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, die, route_all, scripted, sweep_of
from tests.whole.conftest import free_port

DAY = 24 * 3600


class Mailbox:
    """A mail server's handler: keeps what it takes, and refuses when told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 No such user"
        if address.startswith("grey@"):
            return f"450 4.7.1 <{address}>: come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 Not now"
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


def always() -> bool:
    """The queue can be reached."""
    return True


@pytest.fixture
def alerts_of(place: Place) -> Callable[..., Alerts]:
    """Alerts with these settings, on the place's database."""

    def make(reachable: Callable[[], bool] = always, **changes: Any) -> Alerts:
        return Alerts(place.store, place.registry, replace(place.settings, min_free_mb=0, **changes), reachable)

    return make


def said(receiver: Receiver) -> list[Any]:
    return [orjson.loads(one.body) for one in receiver.requests]


def stages(receiver: Receiver) -> list[str]:
    return [alert["state"] for document in said(receiver) for alert in document["alerts"]]


def failing(place: Place) -> int:
    """A destination whose breaker is open."""
    place = scripted(place)
    hook = place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli").id
    Scripted.outcomes.extend([Retry("http_503", "Later.")] * 10)
    for _ in range(10):
        place.track()
    route_all(place)
    deliver(place)
    return hook


def kinds(found: list[Alert] | Any) -> list[str]:
    return [one.kind for one in found]


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
    assert "“Hook” fails: 10 tries in a row." in document["text"]
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
    assert said(receiver)[-1]["text"].startswith("Resolved: “Hook” fails")
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
    assert alert.words == "“Hook” takes nothing: the last 10 dispatches were rejected, and none arrived."
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
    assert "1 dispatch on hold that is given up within 3 days" in found["expiring"]
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
    assert "set it right before then" in said(receiver)[0]["text"]
    now.shift(-400 * DAY)
    alerts.run()
    assert stages(receiver) == ["opened"]  # it lasts no more, so it is not told anew
    now.shift(61)
    alerts.run()
    assert alerts.list() == []
    assert said(receiver)[-1]["text"].startswith("Over: The clock went forward")


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
    assert "The token “crm” ends at " in alert.words
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
    assert alert.words.startswith(f"“Used” still sends with its old live key {used * 2 - 1}, which ends at ")
    now.shift(DAY)
    alerts.run()
    now.shift(61)
    alerts.run()
    assert kinds(alerts.list()) == []  # nobody has used it since


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


def test_a_clock_that_leaps_while_the_database_is_away_is_told_when_it_is_back(
    place: Place, alerts_of: Callable[..., Alerts], now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_how: object) -> NoReturn:
        raise Busy("It is away.")

    keep, alerts = Retention(place.store, place.settings), alerts_of()
    keep.tick()
    now.shift(400 * DAY)
    ends = clock.iso(clock.now_ms() + clock.HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(place.store, "write", away)
        with pytest.raises(Busy):
            keep.tick()
    now.shift(60)
    keep.tick()
    alerts.run()
    (alert,) = alerts.list()
    assert f"Deletion rests until {ends}." in alert.words


NO_NAME = "The mail server's certificate is not good for the name in OURS_SMTP_URL (SSLCertVerificationError)."


def test_a_mail_server_has_to_prove_its_name(
    alerts_of: Callable[..., Alerts], certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=0, ssl_context=tls)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    server.start()
    try:
        alerts = alerts_of(smtp_url=f"smtps://127.0.0.1:{server.port}", alert_email=("a@example.com",))
        assert alerts.test()[0].problem == NO_NAME
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        assert alerts.test()[0].problem is None
        elsewhere = alerts_of(smtp_url=f"smtps://localhost:{server.port}", alert_email=("a@example.com",))
        assert elsewhere.test()[0].problem == NO_NAME
    finally:
        server.stop()
    assert len(box.mails) == 1


def test_a_password_that_cant_be_given_is_said_to_be_that(
    alerts_of: Callable[..., Alerts], certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: trusting)
    for context, said in ((None, "offers no encryption"), (tls, "takes no password")):
        server = Controller(Mailbox(), hostname="127.0.0.1", port=0, ssl_context=context)
        with socket.create_server(("127.0.0.1", 0)) as free:
            server.port = free.getsockname()[1]
        server.start()
        scheme = "smtps" if context else "smtp"
        url = f"{scheme}://ours:secret@127.0.0.1:{server.port}"
        try:
            problem = alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()[0].problem
        finally:
            server.stop()
        assert said in str(problem)
        assert "secret" not in str(problem)


def test_what_keeps_a_mail_server_from_being_used_is_said_in_words(
    alerts_of: Callable[..., Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = [
            alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()[0].problem
            for url in (
                f"smtp://127.0.0.1:{silent.getsockname()[1]}",
                f"smtp://127.0.0.1:{free_port()}",
                "smtp://nowhere.invalid:25",
            )
        ]
    assert said == [
        "The mail server did not answer in time (TimeoutError).",
        "No mail server listens where OURS_SMTP_URL says (ConnectionRefusedError).",
        "The mail server has no address. Check how it is spelt in OURS_SMTP_URL (gaierror).",
    ]


def test_a_mail_server_that_never_comes_to_an_end_is_cut_off(
    alerts_of: Callable[..., Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dawdle() -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            while True:
                line.sendall(b"220-wait\r\n")
                over.wait(0.05)

    over = threading.Event()
    monkeypatch.setattr(mails, "_MOST_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=dawdle, daemon=True).start()
        port = listener.getsockname()[1]
        (told,) = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com",)).test()
    assert told.problem == "The mail server can't be used (SMTPServerDisconnected)."


def test_by_mail(place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]) -> None:
    failing(place)
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com", "b@example.com")}
    box.refuses = True
    alerts = alerts_of(**mail)
    assert alerts.test()[0].problem == "The mail server answered 451."
    box.refuses = False
    alerts.run()
    (mail_,) = box.mails
    assert str(mail_["Subject"]).startswith("[Ours] “Hook” fails: 10 tries")
    assert mail_["To"] == "a@example.com, b@example.com"
    assert "It is probed and goes on by itself." in mail_.get_content()


def test_a_password_is_never_sent_in_clear_and_a_server_that_is_away_is_a_problem_in_words(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    for url in (f"smtp://user:secret@127.0.0.1:{port}", "smtp://127.0.0.1:9", f"smtps://127.0.0.1:{port}"):
        (told,) = alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()
        assert told.problem
        assert "secret" not in told.problem
    assert box.mails == []


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


def test_a_recipient_whom_the_mail_server_refuses_is_told_of_and_the_others_get_it_once(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(place)
    box, port = mailbox
    log.configure(style="json")
    alerts = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com", "nobody@example.com"))
    alerts.run()
    alerts.run()
    assert len(box.mails) == 1
    assert '"refused": 1, "of": 2, "event": "recipients_refused"' in capsys.readouterr().err


def test_that_all_addresses_are_refused_is_told_with_the_codes_and_names_nobody(
    alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    to = ("grey@example.com", "nobody@example.com")
    (told,) = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=to).test()
    assert told.problem == "The mail server refused each address: it answered 450 4.7.1, 550."
    assert box.mails == []


def test_a_mail_goes_through_a_server_that_takes_no_eight_bits(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    mailer = mails.Mailer(f"smtp://127.0.0.1:{port}", "ours@example.com", ["a@example.com"])
    assert mailer.send("Café", "“Café” fails.\n.\nEnd.\n") is None
    (mail_,) = box.mails
    assert mail_.get_content().splitlines() == ["“Café” fails.", ".", "End."]
    assert mail_.as_bytes().isascii()


def test_the_mails_of_an_alert_are_a_thread(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int], now: time_machine.Traveller
) -> None:
    hook = failing(place)
    box, port = mailbox
    alerts = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com",))
    alerts.run()
    place.destinations.turn_off(hook, actor="cli")
    for _ in range(2):
        now.shift(61)
        alerts.run()
    opened, ended = box.mails
    assert str(ended["Subject"]).startswith("[Ours] Resolved: ")
    assert opened["References"] == ended["References"]
    assert re.fullmatch(r"<[0-9a-f.]+@localhost>", opened["References"])
    assert opened["Message-ID"] != ended["Message-ID"]


def test_two_schedulers_tell_it_once(place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver) -> None:
    failing(place)
    with place.store.alone("alerts") as mine:
        assert mine
        alerts_of(alert_webhook=receiver.url).run()
    assert receiver.requests == []
    for _ in range(2):
        alerts_of(alert_webhook=receiver.url).run()
    assert len(receiver.requests) == 1


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


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass, for what waits in memory."""
    ahead = [0.0]
    monkeypatch.setattr("ours.services.alerts.unwritten.time.monotonic", lambda: time.perf_counter() + ahead[0])

    def pass_(seconds: float) -> None:
        ahead[0] += seconds

    return pass_


def test_a_queue_that_is_away_for_ten_minutes_is_told_once_and_ends_once(
    alerts_of: Callable[..., Alerts], receiver: Receiver, now: time_machine.Traveller,
    passing: Callable[[float], None],
) -> None:  # fmt: skip
    there = False
    alerts = alerts_of(lambda: there, alert_webhook=receiver.url)

    def look(*after: float) -> list[str]:
        for seconds in after:
            now.shift(seconds)
            passing(seconds)
            alerts.run()
        return stages(receiver)

    assert look(0, 590) == []
    there = True
    assert look(5) == []  # a restart of it
    there = False
    assert look(5, 590) == []
    assert look(20, 300) == ["opened"]
    alerts = alerts_of(lambda: there, alert_webhook=receiver.url)  # a scheduler that is started anew
    assert look(5, 70, 70) == ["opened"]
    assert kinds(alerts.list()) == ["queue"]
    there = True
    assert look(5, 61) == ["opened", "resolved"]
    assert "has not been reached for 10 minutes" in said(receiver)[0]["text"]
    assert "OURS_REDIS_URL" in said(receiver)[0]["text"]


def run_in_vain(alerts: Alerts, passing: Callable[[float], None], *after: float) -> None:
    """Have them look after each of these seconds, and find that nothing can be written."""
    for seconds in after:
        passing(seconds)
        with pytest.raises(Busy):
            alerts.run()


@contextmanager
def no_writes(place: Place) -> Iterator[None]:
    """A database that may only be read."""
    words = "PRAGMA query_only = on" if place.store.is_sqlite else "SET default_transaction_read_only = on"

    def forbid(connection: Any, _: Any) -> None:
        connection.execute(words)
        connection.commit()

    place.store.engine.dispose()
    sa.event.listen(place.store.engine, "connect", forbid)
    yield
    sa.event.remove(place.store.engine, "connect", forbid)
    place.store.engine.dispose()


def test_a_database_that_is_back_soon_is_told_to_nobody(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    for _ in range(3):
        with no_writes(place), pytest.raises(Busy):
            alerts.run()
        passing(25)
        alerts.run()
    assert receiver.requests == []


def test_a_disk_without_room_is_named(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    tight = replace(place.settings, min_free_mb=10**9, alert_webhook=receiver.url)
    alerts = Alerts(place.store, place.registry, tight, always)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    assert "disk is nearly full" in said(receiver)[0]["text"]


def test_a_database_that_takes_no_writes_is_told_all_the_same(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    alerts.run()
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 20, 20, 3600, 86_400)
    assert stages(receiver) == ["opened", "still"]
    assert said(receiver)[0]["alerts"][0]["kind"] == "database"
    assert "can't be written just now. New events are refused" in said(receiver)[0]["text"]
    for _ in range(4):
        alerts.run()
        passing(40)
    assert stages(receiver) == ["opened", "still", "resolved"]


def test_a_clock_that_was_never_set_is_told_from_memory_too(
    alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    with time_machine.travel(20):
        run_in_vain(alerts, passing, 0, 31)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert stages(receiver) == ["opened", "resolved"]
    assert "This machine's clock shows a time before 2025. Set it." in said(receiver)[0]["text"]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_a_table_that_somebody_keeps_locked_is_told_though_others_can_be_written(
    place: Place,
    alerts_of: Callable[..., Alerts],
    receiver: Receiver,
    passing: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ours.store.connecting._BOUNDED", ("SET lock_timeout = 100",))
    place.store.engine.dispose()
    alerts = alerts_of(alert_webhook=receiver.url)
    with place.store.write() as connection:
        connection.execute(sa.text("LOCK TABLE volumes IN ACCESS EXCLUSIVE MODE"))
        run_in_vain(alerts, passing, 0, 31)
    assert "another session keeps a lock on it" in said(receiver)[0]["text"]


def test_a_scheduler_that_is_started_anew_tells_the_end_of_what_was_told_and_no_second_beginning(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    mark = place.settings.home / "database.told"
    with no_writes(place):
        for _ in range(2):
            alerts = alerts_of(alert_webhook=receiver.url)
            run_in_vain(alerts, passing, 0, 31, 61)
    assert stages(receiver) == ["opened"]
    assert mark.stat().st_mode & 0o777 == 0o600
    for _ in range(2):  # each ends within a minute
        alerts = alerts_of(alert_webhook=receiver.url)
        alerts.run()
    assert stages(receiver) == ["opened"]
    passing(61)
    alerts.run()
    assert stages(receiver) == ["opened", "resolved"]
    first, last = (document["alerts"][0] for document in said(receiver))
    assert (first["message"], first["since"]) == (last["message"].removeprefix("Resolved: "), last["since"])
    assert not mark.exists()


def test_a_day_after_it_was_told_another_scheduler_tells_that_it_lasts(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    now: time_machine.Traveller,
) -> None:  # fmt: skip
    with no_writes(place):
        for hours in (0, 20, 4):
            now.shift(hours * 3600)
            alerts = alerts_of(alert_webhook=receiver.url)
            run_in_vain(alerts, passing, 0, 31)
    assert stages(receiver) == ["opened", "still"]


def test_the_end_is_told_to_whom_the_beginning_was_until_it_is_taken(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    receiver.answer(500, times=1)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert len(box.mails) == 2
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(3):
        alerts.run()
        passing(61)
    assert len(box.mails) == 2
    assert stages(receiver) == ["opened", "resolved", "resolved"]  # of which the first was not taken
    assert not (place.settings.home / "database.told").exists()


def test_what_fails_anew_while_its_end_is_told_is_told_anew(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None],
    mailbox: tuple[Mailbox, int],
) -> None:  # fmt: skip
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com",)}
    alerts = alerts_of(alert_webhook=receiver.url, **mail)
    for _ in range(2):
        with no_writes(place):
            run_in_vain(alerts, passing, 0, 31)
        box.refuses = True
        for _ in range(2):
            alerts.run()
            passing(61)
        box.refuses = False
    assert stages(receiver) == ["opened", "resolved", "opened", "resolved"]


def test_a_mark_that_says_nothing_tells_by_being_there(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    """There may be room for a name on a disk, and none for what is in the file."""
    (place.settings.home / "database.told").touch()
    alerts = alerts_of(alert_webhook=receiver.url)
    for _ in range(2):
        alerts.run()
        passing(61)
    assert stages(receiver) == ["resolved"]


def test_of_two_schedulers_the_one_that_no_longer_leads_tells_the_end_too(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, passing: Callable[[float], None]
) -> None:
    alerts = alerts_of(alert_webhook=receiver.url)
    with no_writes(place):
        run_in_vain(alerts, passing, 0, 31)
    with place.store.alone("alerts") as others:
        assert others
        for _ in range(3):
            alerts.run()
            passing(61)
    assert stages(receiver) == ["opened", "resolved"]


def test_who_waits_in_line_while_another_program_holds_the_database_tells_of_it(
    place: Place, alerts_of: Callable[..., Alerts], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite, each writer of ours waits ten seconds for the program, and the others wait for that one."""
    monkeypatch.setattr("ours.services.alerts.unwritten._PATIENCE", 0.01)
    alerts = alerts_of(alert_webhook=receiver.url)
    turn = threading.Lock()
    monkeypatch.setattr(place.store, "turn", lambda: turn)
    looking = threading.Thread(target=alerts.run)
    with turn:
        looking.start()
        ends = time.monotonic() + 20
        while not receiver.requests and time.monotonic() < ends:
            time.sleep(0.01)
        told = len(receiver.requests)
    looking.join()
    assert told == 1
    assert b"waits for another program" in receiver.requests[0].body
