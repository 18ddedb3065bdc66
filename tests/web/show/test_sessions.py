"""Sessions begin anew, end by themselves, and are ours alone; the dashboard answers to its own names."""

from collections.abc import Callable

import pytest
import time_machine
from flask import Flask

from ours import clock
from ours.bootstrap import Ours
from ours.settings import Settings
from ours.web import create_app
from ours.web.show.back import UNSAVED
from tests.web.show.conftest import PASSWORD, Browser

MINUTE = clock.MINUTE


class Clock:
    """The clock, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0
        self._true = clock.now_ms

    def now(self) -> int:
        return self._true() + self.ahead


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "now_ms", made.now)
    return made


@pytest.fixture
def strict(here: Ours, make_settings: Callable[..., Settings]) -> Ours:
    """Whoever does nothing for 15 minutes is signed out."""
    here.settings = make_settings(session_idle_minutes=15)
    return here


def test_whoever_does_nothing_for_too_long_signs_in_again(strict: Ours, editor: Browser, later: Clock) -> None:
    for _ in range(3):
        assert editor.get("/events").status_code == 200
        later.ahead += 14 * MINUTE
    assert editor.get("/events").status_code == 200
    later.ahead += 16 * MINUTE
    assert editor.get("/events").location.startswith("/sign-in")


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(strict: Ours, editor: Browser, later: Clock) -> None:
    editor.get("/events")
    for _ in range(4):
        later.ahead += 4 * MINUTE
        status = editor.get("/events/rows", headers={"HX-Request": "true"}).status_code
    assert status == 401


def test_no_session_lives_longer_than_twelve_hours(editor: Browser, later: Clock) -> None:
    for _ in range(25):
        assert editor.get("/events").status_code == 200
        later.ahead += 29 * MINUTE
    assert editor.get("/events").status_code == 302


@pytest.mark.parametrize(("behind", "status"), [(2 * 60, 200), (4 * 60, 200), (6 * 60, 302), (86_400, 302)])
def test_who_signed_in_is_known_to_a_server_whose_clock_is_a_little_behind(
    editor: Browser, behind: int, status: int
) -> None:
    with time_machine.travel(clock.now_ms() / 1000 - behind):
        assert editor.get("/events").status_code == status


def test_an_answer_says_when_it_was_given(stranger: Browser) -> None:
    """Browsers count a cookie's end by it, and the web server's own stands still once the clock was ahead."""
    with time_machine.travel(1_798_761_600, tick=False):
        assert stranger.get("/sign-in").headers["Date"] == "Fri, 01 Jan 2027 00:00:00 GMT"


def test_what_was_in_the_browser_before_signing_in_is_gone_after(stranger: Browser, here: Ours) -> None:
    person, given = here.people.add("ada@example.com", "viewer", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    stranger.get("/sign-in")
    with stranger.client.session_transaction() as session:
        session["planted"], old = "by somebody else", session["csrf_token"]
    stranger.sign_in("ada@example.com")
    with stranger.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != old
    cookie = stranger.client.get_cookie("ours_session")
    assert cookie
    assert cookie.expires  # it outlives the browser


def test_a_form_that_stood_open_for_hours_is_taken(editor: Browser) -> None:
    token = _token(editor.page("/sources"))
    with time_machine.travel(clock.now_ms() / 1000 + 5 * 3600):
        editor.client.post("/sources/add", data={"csrf_token": token, "name": "Typed slowly"})
        assert "Typed slowly" in editor.page("/sources")


def test_a_cookie_that_was_changed_or_signed_by_another_is_nobodys(app: Flask, here: Ours, editor: Browser) -> None:
    cookie = editor.client.get_cookie("ours_session")
    assert cookie
    body, _, rest = cookie.value.partition(".")
    for value in (body + "x." + rest, cookie.value[:-2], "", "a.b.c", "." * 500):
        client = app.test_client()
        client.set_cookie("ours_session", value)
        assert client.get("/events").status_code == 302


def test_guessing_ones_own_old_password_is_slowed_down(editor: Browser) -> None:
    form = {"old": "guess", "new": "another good one", "again": "another good one"}
    answers = [editor.post("/password", **form).status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


@pytest.mark.parametrize(
    ("changes", "host", "status"),
    [
        ({}, "localhost:8000", 200), ({}, "127.0.0.1:8000", 200), ({}, "[::1]:8000", 200),
        ({}, "evil.example", 400), ({}, "localhost.evil.example", 400), ({}, "127.0.0.1.nip.io", 400),
        ({"host": "0.0.0.0"}, "ours.example.com", 200), ({"trusted_proxies": 1}, "ours.example.com", 200),
        ({"allowed_hosts": "ours.example.com"}, "ours.example.com", 200),
        ({"allowed_hosts": "ours.example.com"}, "OURS.example.com:443", 200),
        ({"allowed_hosts": "ours.example.com", "host": "0.0.0.0"}, "evil.example", 400),
        ({"allowed_hosts": ".example.com"}, "a.example.com", 200),
        ({"allowed_hosts": ".example.com"}, "example.com.evil", 400),
    ],
)  # fmt: skip
def test_the_dashboard_answers_to_its_own_names(
    here: Ours, make_settings: Callable[..., Settings], changes: dict[str, object], host: str, status: int
) -> None:
    here.settings = make_settings(**changes)
    client = create_app(here).test_client()
    answer = client.get("/sign-in", headers={"Host": host})
    assert answer.status_code == status
    if status == 400:
        assert "OURS_ALLOWED_HOSTS" in answer.text
    assert client.get("/health/live", headers={"Host": host}).status_code == 200
    assert client.post("/api/v1/track", headers={"Host": host}, json={}).status_code == 401


def test_what_a_proxy_says_is_believed_only_when_there_is_one(
    here: Ours, make_settings: Callable[..., Settings]
) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "ours.example.com"}
    plain = create_app(here).test_client().get("/sign-in", headers=forwarded)
    assert "Secure" not in plain.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in plain.headers
    here.settings = make_settings(trusted_proxies=1)
    behind = create_app(here).test_client().get("/sign-in", headers=forwarded)
    assert "Secure" in behind.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in behind.headers


@pytest.mark.parametrize("hosts", ["https://ours.example.com", "ours.example.com:8000", "a b", "*", "a/b"])
def test_what_is_no_host_is_no_setting(make_settings: Callable[..., Settings], hosts: str) -> None:
    from ours.errors import SettingsInvalid

    with pytest.raises(SettingsInvalid, match="OURS_ALLOWED_HOSTS"):
        make_settings(allowed_hosts=hosts)


def test_whoever_was_signed_out_over_a_form_is_led_back_to_it_and_told(
    here: Ours, editor: Browser, later: Clock
) -> None:
    person, given = here.people.add("ada@example.com", "editor", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    here.destinations.add("webhook", "Warehouse", {"url": "https://example.com/"}, events=["*"], actor="cli")
    form = "/destinations/1/edit"
    token = _token(editor.page(form))
    later.ahead += 13 * 60 * MINUTE
    typed = {"csrf_token": token, "name": "Typed"}
    answer = editor.client.post(form, data=typed, headers={"Referer": f"http://localhost{form}"})
    assert answer.location == "/sign-in?next=/destinations/1/edit"
    assert UNSAVED in editor.page(answer.location)
    page = editor.post(answer.location, email="ada@example.com", password=PASSWORD).text
    assert UNSAVED in page
    assert 'value="Warehouse"' in page
    assert UNSAVED not in editor.page(form)


@pytest.mark.parametrize(
    "referer", ["", "http://evil.example/destinations", "http://localhost//evil.example", "http://["]
)
def test_a_form_that_stood_elsewhere_is_no_way_back(editor: Browser, later: Clock, referer: str) -> None:
    token = _token(editor.page("/sources"))
    later.ahead += 13 * 60 * MINUTE
    answer = editor.client.post("/sources/add", data={"csrf_token": token}, headers={"Referer": referer})
    assert answer.location == "/sign-in"


def test_a_search_over_which_somebody_was_signed_out_is_called_no_change(editor: Browser, later: Clock) -> None:
    sent = {"csrf_token": _token(editor.page("/events")), "who": "ada@example.com"}
    later.ahead += 13 * 60 * MINUTE
    answer = editor.client.post("/events/find", data=sent, headers={"Referer": "http://localhost/events?mode=live"})
    assert answer.location == "/sign-in?next=/events?mode%3Dlive"
    page = editor.page(answer.location)
    assert UNSAVED in page
    assert "change" not in page


def test_signing_out_twice_leads_to_a_page_that_is_there(editor: Browser, later: Clock) -> None:
    token = _token(editor.page("/sources"))
    later.ahead += 13 * 60 * MINUTE
    answer = editor.client.post("/sign-out", data={"csrf_token": token})
    assert answer.location == "/sign-in"
    assert UNSAVED not in editor.page("/sign-in")


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_form_without_its_token_says_that_nothing_was_saved_and_how_to_go_on(
    editor: Browser, stranger: Browser, signed_in: bool
) -> None:
    form = "/destinations/1/edit"
    browser = editor if signed_in else stranger
    answer = browser.client.post(form, data={"name": "Typed"}, headers={"Referer": f"http://localhost{form}"})
    assert answer.status_code == 400
    assert "Nothing was saved" in answer.text
    assert f'href="{form}">Back to the form' in answer.text
    assert ('href="/sign-in?next=/destinations/1/edit">Sign in' in answer.text) is not signed_in
    if not signed_in:
        assert "Set-Cookie" not in answer.headers  # a form sent from elsewhere ends nobody's session


def _token(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]
