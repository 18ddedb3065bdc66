"""Canaries over a whole run: secrets and people go in at every door, and turn up nowhere that they should not."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ours import log
from ours.bootstrap import Ours
from ours.services.actors import Actor
from tests.receiver import Receiver
from tests.web.show.conftest import Browser

PERSON = ("Janecanary", "jane.canary@example.com", "15550100777", "canarystreet 7", "1977-07-07", "canary-ssn-4711")
WHSEC = "whsec_" + "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"
PASSWORD = "canary password of ada"
BODY = {
    "event": "Purchase",
    "userId": "u-1",
    "email": PERSON[1],
    "eventProperties": {"ssn": PERSON[5], "shipping_address": PERSON[3], "amount": 12.5},
    "userProperties": {"first_name": PERSON[0], "email": PERSON[1], "phone_number": f"+{PERSON[2]}",
                       "date_of_birth": PERSON[4], "custom_properties": {"home_address": PERSON[3]}},
    "identityContext": {"ip": "203.0.113.77", "userAgent": "canary-agent"},
}  # fmt: skip
BROKEN = """
from ours.plugin import Delivery, Destination, Request, Schema, hookimpl

class Broken(Destination):
    slug = "broken"
    label = "Broken"

    class Settings(Schema):
        pass

    def build(self, delivery: Delivery) -> Request:
        raise ValueError(f"leaks: {delivery.event.user_properties} {delivery.event.event_properties}")

@hookimpl
def register_destinations():
    return [Broken]
"""


@pytest.fixture
def secrets(here: Ours, client: FlaskClient) -> dict[str, str]:
    made = here.sources.add("Shop", actor="cli")
    person, given = here.people.add("ada@example.com", "admin", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    _, token = here.tokens.add("CI", ["events:read"], actor="cli")
    return {
        "live key": made.live_key,
        "test key": made.test_key,
        "password": PASSWORD,
        "token": token,
        "signing": WHSEC,
    }


@pytest.fixture
def run(
    here: Ours, client: FlaskClient, receiver: Receiver, secrets: dict[str, str], work: Callable[[], None],
    stranger: Browser, capsys: pytest.CaptureFixture[str],
) -> str:  # fmt: skip
    """Everything that can happen to an event, and to a request; what was logged of it."""
    log.configure("DEBUG", "json")
    here.settings.plugins_dir.mkdir()
    (here.settings.plugins_dir / "broken.py").write_text(BROKEN)
    mapping = {"person": "{{visitor.email}}", "name": "{{visitor.first_name}}", "ssn": "{{event.event_properties.ssn}}"}
    settings = {
        "url": f"{receiver.url}/in?api_key=canary-query",
        "secret": WHSEC,
        "headers": {"Authorization": "canary-auth"},
    }
    here.destinations.add("webhook", "Hook", settings, events=["*"], mapping=mapping, actor="cli")
    here.destinations.add(
        "webhook", "Nowhere", {"url": "http://10.1.2.3/x"}, events=["*"], mapping=mapping, actor="cli"
    )
    assert here.registry.get("broken"), [one.reason for one in here.registry.set_aside]
    here.destinations.add("broken", "Broken", {}, events=["*"], actor="cli")
    echo = json.dumps({"echo": PERSON, "auth": "canary-auth"}).encode()
    for status in (200, 400, 500):
        receiver.answer(status, body=echo)
        for key in ("live key", "test key"):
            client.post("/api/v1/track", json={"token": secrets[key], **BODY})
            work()
    for bad in (
        {**BODY, "userProperties": PERSON[0]},
        {**BODY, "event": PERSON},
        {"token": secrets["live key"] + "x", **BODY},
    ):
        client.post("/api/v1/track", json={"token": secrets["live key"], **bad})
    client.post("/api/v1/track", data=b'{"token": "' + secrets["live key"].encode() + b'", ' + PERSON[1].encode())
    stranger.sign_in(PERSON[1], PASSWORD + "x")
    client.get("/api/admin/v1/events", headers={"Authorization": f"Bearer {secrets['token']}x"})
    return capsys.readouterr().err


def test_nothing_of_it_is_in_the_log(run: str, secrets: dict[str, str]) -> None:
    assert "build_failed" in run
    assert leaks(run, [*PERSON, *secrets.values(), "canary-query", "canary-auth", "203.0.113.77", "canary"]) == []


def test_nothing_of_it_lies_readable_in_the_data_folder(run: str, here: Ours, secrets: dict[str, str]) -> None:
    stored = b"".join(path.read_bytes() for path in Path(here.settings.home).iterdir() if path.is_file())
    assert leaks(stored.decode("latin-1"), [*PERSON, *secrets.values(), "canary"]) == []


def test_a_viewer_sees_nobody_and_no_secret_on_any_page(
    run: str, app: Flask, browser_of: Callable[[str], Browser], here: Ours, secrets: dict[str, str]
) -> None:
    viewer = browser_of("viewer")
    for path in _pages(here):
        page = viewer.page(path)
        assert leaks(page, [*PERSON, *secrets.values(), "canary-query", "canary-auth", "203.0.113.77"]) == [], path


def test_an_admin_sees_no_secret_but_the_keys_and_no_title_or_address_names_anybody(
    run: str, admin: Browser, here: Ours, secrets: dict[str, str]
) -> None:
    for path in ["/audit", *_pages(here)]:
        page = admin.page(path)
        told = "".join(re.findall(r"<title>.*?</title>|(?:href|action|src)=\"[^\"]*\"", page, re.DOTALL))
        assert leaks(told + path, [*PERSON, *secrets.values()]) == [], path
        assert leaks(page, [secrets["password"], secrets["token"], "canary-query", "canary-auth"]) == [], path
        assert WHSEC not in page, path


def test_the_audit_log_and_the_answers_to_callers_name_nobody(
    run: str, here: Ours, client: FlaskClient, secrets: dict[str, str]
) -> None:
    here.visitors.show(here.visitors.find("u-1", "userId", actor="cli")[0].id, actor=Actor("ed@example.com", "editor"))
    assert leaks(repr(here.audit.list(200)), [*PERSON, *secrets.values(), "canary"]) == []
    answer = client.post("/api/v1/track", json={"token": secrets["live key"], **BODY, "userProperties": PERSON[0]})
    assert answer.status_code == 400
    assert leaks(answer.text, [*PERSON, *secrets.values()]) == []


def _pages(here: Ours) -> list[str]:
    with here.store.read() as connection:
        ids = list(connection.exec_driver_sql("SELECT id FROM events").scalars())
        people = list(connection.exec_driver_sql("SELECT id FROM visitors").scalars())
    places = [f"/destinations/{one.id}" for one in here.destinations.list()]
    return ["/", "/events", "/plugins", "/sources", "/sources/1", "/destinations", "/visitors", *places,
            *(f"/events/{one}" for one in ids), *(f"/events?visitor={one}" for one in people),
            *(f"/visitors/{one}" for one in people)]  # fmt: skip


def leaks(text: str, canaries: list[str]) -> list[str]:
    return [canary for canary in canaries if canary.lower() in text.lower()]
