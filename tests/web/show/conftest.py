"""The dashboard over a real installation on SQLite, and a person at a browser without a script."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.store.queries import people

PASSWORD = "correct horse battery"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Browser:
    """Asks for pages and sends forms, each with the token that its page carried."""

    client: FlaskClient

    def get(self, path: str, **how: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **how)

    def page(self, path: str) -> str:
        """The page's HTML; it must be there."""
        answer = self.get(path, follow_redirects=True)
        assert answer.status_code == 200, answer.status
        return answer.get_data(as_text=True)

    def post(self, path: str, follow: bool = True, **form: Any) -> TestResponse:
        found = _TOKEN.search(self.client.get("/sign-in").get_data(as_text=True))
        assert found
        return self.client.post(path, data={"csrf_token": found[1], **form}, follow_redirects=follow)

    def sign_in(self, email: str, password: str = PASSWORD, **how: Any) -> TestResponse:
        return self.post("/sign-in", email=email, password=password, **how)


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Somebody who has not signed in."""
    return Browser(app.test_client())


@pytest.fixture
def browser_of(app: Flask, here: Ours) -> Callable[[str], Browser]:
    """A browser in which somebody of that role is signed in. Quickly: no password is hashed."""

    def make(role: str) -> Browser:
        values = {"email": f"{role}@example.com", "password": "", "role": role, "must_change": False, "session": 1,
                  "created_at": clock.now_ms()}  # fmt: skip
        with here.store.write() as connection:
            person_id = people.insert_person(connection, values)
        browser = Browser(app.test_client())
        with browser.client.session_transaction() as session:
            session["_user_id"] = f"{person_id}.1"
        return browser

    return make


@pytest.fixture
def editor(browser_of: Callable[[str], Browser]) -> Browser:
    return browser_of("editor")


@pytest.fixture
def admin(browser_of: Callable[[str], Browser]) -> Browser:
    return browser_of("admin")


@pytest.fixture
def send(here: Ours) -> Callable[..., str]:
    """Accept an event through a source's key and return its id."""
    made = here.sources.add("Shop", actor="cli")
    keys = {"live": made.live_key, "test": made.test_key}

    def make(name: str = "Purchase", mode: str = "live", **changes: Any) -> str:
        caller = here.accept.authenticate(keys[mode])
        assert caller
        item = Incoming(**({"name": name, "occurred_at": clock.now_ms(), "user_id": "u1"} | changes))
        return here.accept.accept(caller, [item])[0].event_id

    return make


@pytest.fixture
def work(here: Ours) -> Callable[[], None]:
    """Route and deliver all that is due now."""

    def run() -> None:
        while here.route.run():
            pass
        here.deliver.drain(threading.Event(), 20)

    return run
