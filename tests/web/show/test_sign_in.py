"""Signing in, staying in, and being sent away."""

import json
from html import unescape

import pytest
from flask import Flask

from ours import log
from ours.bootstrap import Ours
from ours.web.show.back import local_path
from tests.web.show.conftest import PASSWORD, Browser


def test_a_stranger_is_sent_to_sign_in_and_then_to_where_they_wanted(stranger: Browser, here: Ours) -> None:
    here.people.add("ada@example.com", "viewer", password=PASSWORD, actor="cli")
    answer = stranger.get("/events?mode=test")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=%2Fevents%3Fmode%3Dtest"
    assert stranger.post(answer.location, follow=False, email="ada@example.com", password=PASSWORD).location == (
        "/events?mode=test"
    )


def test_a_wrong_password_and_an_unknown_email_are_answered_alike(stranger: Browser, here: Ours) -> None:
    here.people.add("ada@example.com", "viewer", password=PASSWORD, actor="cli")
    wrong = stranger.sign_in("ada@example.com", "not it")
    unknown = stranger.sign_in("bob@example.com", "not it")
    assert wrong.status_code == unknown.status_code == 401
    assert "Email and password do not match" in wrong.text
    assert "Email and password do not match" in unknown.text


def test_the_log_keeps_who_tried_to_sign_in_from_where_and_nothing_that_was_typed(
    stranger: Browser, here: Ours, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = here.people.add("ada@example.com", "viewer", password=PASSWORD, actor="cli")[0].id
    log.configure("INFO", "json")
    for email, password in (("ada@example.com", "not it"), ("typed-a-passphrase", "x"), ("ada@example.com", PASSWORD)):
        stranger.sign_in(email, password)
    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines() if '"address"' in line]
    assert [(line["event"], line["person"], line["address"]) for line in lines] == [
        ("sign_in_refused", ada, "127.0.0.1"), ("sign_in_refused", None, "127.0.0.1"), ("signed_in", ada, "127.0.0.1"),
    ]  # fmt: skip
    log.configure("WARNING", "text")
    assert all(typed not in text for typed in ("typed-a-passphrase", "not it", PASSWORD, "ada@"))


def test_guessing_is_slowed_down(stranger: Browser) -> None:
    answers = [stranger.sign_in("ada@example.com", "guess").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_who_signed_in_before_gets_in_however_often_others_guess(app: Flask, here: Ours) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        person, given = here.people.add(email, "viewer", actor="cli")
        here.people.change_password(person.id, given, PASSWORD)
    ada, others = Browser(app.test_client()), Browser(app.test_client())
    assert ada.sign_in("ada@example.com", follow=False).status_code == 302
    assert others.sign_in("bob@example.com", follow=False).status_code == 302
    cookie = ada.client.get_cookie("ours_known", path="/sign-in")
    assert cookie
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")
    assert "ada" not in cookie.value
    ada.post("/sign-out")
    answers = [others.sign_in("ada@example.com", "guess").status_code for _ in range(11)]
    assert answers[-1] == 429
    assert others.sign_in("ada@example.com", follow=False).status_code == 429
    assert ada.sign_in(" Ada@example.com", follow=False).location == "/"


@pytest.mark.parametrize("planted", ["", "x", "x.y", "é.ü", "a" * 4000])
def test_no_browser_makes_itself_known(stranger: Browser, planted: str) -> None:
    stranger.client.set_cookie("ours_known", planted, path="/sign-in")
    assert [stranger.sign_in("ada@example.com", "guess").status_code for _ in range(11)][-1] == 429


def test_a_printed_password_must_be_changed_before_anything_else(stranger: Browser, here: Ours) -> None:
    first = here.people.first()
    assert first
    assert "Choose your own password" in stranger.sign_in("admin@localhost", first).text
    assert stranger.get("/sources").location == "/password"
    answer = stranger.post("/password", old=first, new=PASSWORD, again=PASSWORD)
    assert "Your password is changed" in answer.text
    assert stranger.get("/sources").status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"old": "wrong"}, "The old password is wrong."),
        ({"new": "short", "again": "short"}, "at least 12"),
        ({"again": "something else"}, "The two passwords do not match."),
    ],
)
def test_a_password_that_will_not_do_is_refused_beside_its_field(
    stranger: Browser, ada: str, changes: dict[str, str], said: str
) -> None:
    stranger.sign_in(ada)
    form = {"old": PASSWORD, "new": "another good one", "again": "another good one"} | changes
    answer = stranger.post("/password", **form)
    assert answer.status_code == 400
    assert said in unescape(answer.text)


def test_signing_out_ends_the_session(editor: Browser) -> None:
    editor.post("/sign-out")
    assert editor.get("/").status_code == 302


def test_raising_the_session_number_signs_out_everywhere(editor: Browser, here: Ours) -> None:
    here.people.end_own_sessions(here.people.find("editor@example.com").id)
    assert editor.get("/").location.startswith("/sign-in")


@pytest.fixture
def ada(here: Ours) -> str:
    """The email of somebody who has chosen a password."""
    person, given = here.people.add("ada@example.com", "editor", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    return person.email


def test_changing_the_password_keeps_this_session_and_ends_the_others(app: Flask, ada: str) -> None:
    one, other = Browser(app.test_client()), Browser(app.test_client())
    one.sign_in(ada)
    other.sign_in(ada)
    one.post("/password", old=PASSWORD, new="another good one", again="another good one")
    assert one.get("/").status_code == 200
    assert other.get("/").status_code == 302


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_travels_over_tls_when_the_page_did(
    stranger: Browser,
) -> None:
    plain = stranger.get("/sign-in").headers["Set-Cookie"]
    secure = stranger.get("/sign-in", base_url="https://localhost/").headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    assert "Secure" in secure


def test_forms_work_over_tls(stranger: Browser, here: Ours) -> None:
    here.people.add("ada@example.com", "viewer", password=PASSWORD, actor="cli")
    page = stranger.get("/sign-in", base_url="https://localhost/").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = stranger.client.post(
        "/sign-in",
        data={"csrf_token": token, "email": "ada@example.com", "password": PASSWORD},
        base_url="https://localhost/",
        headers={"Referer": "https://localhost/sign-in"},
    )
    assert answer.status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/\t/evil.example", "/\n//evil.example", "", None, "evil.example", "http:evil.example", "/a\\b",
    ],
)  # fmt: skip
def test_after_signing_in_nobody_is_led_elsewhere(target: str | None) -> None:
    assert local_path(target) is None


@pytest.mark.parametrize("target", ["/", "/events?mode=test", "/sources/3", "/events?name=a//b"])
def test_a_path_of_ours_is_gone_back_to(target: str) -> None:
    assert local_path(target) == target
