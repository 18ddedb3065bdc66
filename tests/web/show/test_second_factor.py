"""Signing in with a code, and looking after one's second factor."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
import time_machine
from flask import Flask

from ours import clock, log
from ours.bootstrap import Ours
from tests.services.test_second_factors import shown
from tests.web.show.conftest import PASSWORD, Browser

MakeSettings = Callable[..., object]


@pytest.fixture
def ada(here: Ours) -> int:
    """Somebody who has chosen a password."""
    person, given = here.people.add("ada@example.com", "viewer", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    return person.id


def set_up(browser: Browser) -> tuple[str, list[str]]:
    """Their secret and recovery codes, as the pages tell them."""
    found = re.search(r'<pre id="secret"[^>]*>([A-Z2-7]{32})<', browser.page("/second-factor"))
    assert found
    with time_machine.travel(clock.now_ms() / 1000, tick=False):  # or the code's time might end in between
        answer = browser.post("/second-factor", code=shown(found[1], -30), password=PASSWORD)
    told = re.search(r'<pre id="handed"[^>]*>(.*?)</pre>', answer.text, re.DOTALL)
    assert told, answer.text
    return found[1], told[1].split()


def test_it_is_set_up_and_asked_for_from_then_on(app: Flask, stranger: Browser, ada: int, here: Ours) -> None:
    stranger.sign_in("ada@example.com")
    secret, recovery = set_up(stranger)
    assert len(recovery) == 8
    assert stranger.get("/").status_code == 200
    assert secret not in stranger.page("/second-factor")
    assert recovery[0] not in stranger.page("/second-factor")

    other = Browser(app.test_client())
    answer = other.post("/sign-in?next=%2Fevents", follow=False, email="ada@example.com", password=PASSWORD)
    assert answer.location == "/sign-in/code?next=/events"
    assert other.get("/").location.startswith("/sign-in")
    assert other.post(answer.location, follow=False, code=shown(secret)).location == "/events"
    assert other.get("/events").status_code == 200
    assert here.people.get(ada).second_factor_at


def test_a_wrong_code_is_refused_with_the_servers_time_and_guessing_is_slowed_down(
    stranger: Browser, app: Flask, ada: int
) -> None:
    stranger.sign_in("ada@example.com")
    secret, _ = set_up(stranger)
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    answers = [other.post("/sign-in/code", code="000000") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert re.search(r"the server's says \d\d:\d\d:\d\d UTC", unescape(answers[0].text))
    assert other.post("/sign-in/code", code=shown(secret)).status_code == 429
    assert other.get("/").status_code == 302


def test_the_log_says_that_a_password_was_right_and_what_became_of_the_code(
    stranger: Browser, app: Flask, ada: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger.sign_in("ada@example.com")
    secret, _ = set_up(stranger)
    log.configure("INFO", "json")
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    for code in ("000000", shown(secret)):
        other.post("/sign-in/code", code=code)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"address"' in line]
    log.configure("WARNING", "text")
    assert [(line["event"], line["person"], line["address"]) for line in lines] == [
        ("code_asked", ada, "127.0.0.1"), ("code_refused", ada, "127.0.0.1"), ("signed_in", ada, "127.0.0.1"),
    ]  # fmt: skip


def test_there_is_a_picture_for_the_longest_email(stranger: Browser, here: Ours) -> None:
    email = "😀" * 64 + "@" + "名" * 200 + ".example"
    here.people.add(email, "viewer", password=PASSWORD, actor="cli")
    stranger.sign_in(email)
    stranger.post("/password", old=PASSWORD, new=PASSWORD + "!", again=PASSWORD + "!")
    picture = re.search(r'<svg [^>]*class="qr"[^>]*>', stranger.page("/second-factor"))
    assert picture
    assert " width=" not in picture[0]  # it is as wide as there is room


def test_a_recovery_code_lets_in_and_says_how_many_are_left(stranger: Browser, app: Flask, ada: int) -> None:
    stranger.sign_in("ada@example.com")
    _, recovery = set_up(stranger)
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    assert "You have 7 left." in other.post("/sign-in/code", code=recovery[0]).text


def test_the_code_is_asked_for_by_a_server_whose_clock_is_a_little_behind(
    stranger: Browser, app: Flask, ada: int
) -> None:
    other = Browser(app.test_client())
    stranger.sign_in("ada@example.com")
    set_up(stranger)
    other.sign_in("ada@example.com")
    with time_machine.travel(clock.now_ms() / 1000 - 120):
        assert other.get("/sign-in/code").status_code == 200


@pytest.mark.parametrize("seconds", [-301, 301])
def test_the_code_is_asked_for_only_a_moment_after_the_password(
    stranger: Browser, app: Flask, ada: int, seconds: int
) -> None:
    assert stranger.get("/sign-in/code").location == "/sign-in"
    stranger.sign_in("ada@example.com")
    secret, _ = set_up(stranger)
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    assert other.get("/sign-in/code").status_code == 200
    with time_machine.travel(clock.now_ms() / 1000 + seconds):
        assert other.post("/sign-in/code", follow=False, code=shown(secret)).location == "/sign-in"
        assert other.get("/").status_code == 302


def test_who_waits_for_a_code_while_an_admin_removes_the_factor_begins_again_and_is_in(
    stranger: Browser, app: Flask, ada: int, here: Ours
) -> None:
    stranger.sign_in("ada@example.com")
    secret, _ = set_up(stranger)
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    here.second_factors.remove(ada, actor="cli")
    assert other.post("/sign-in/code", follow=False, code=shown(secret)).location == "/sign-in"
    assert other.sign_in("ada@example.com").request.path == "/"


def test_half_way_in_is_not_in(stranger: Browser, app: Flask, ada: int) -> None:
    stranger.sign_in("ada@example.com")
    set_up(stranger)
    other = Browser(app.test_client())
    other.sign_in("ada@example.com")
    assert all(other.get(path).location.startswith("/sign-in") for path in ("/", "/password", "/second-factor"))


def test_it_is_renewed_and_turned_off_with_codes(stranger: Browser, ada: int, here: Ours) -> None:
    stranger.sign_in("ada@example.com")
    secret, old = set_up(stranger)
    assert stranger.post("/second-factor/recovery", code="nonsense").status_code == 400
    renewed = stranger.post("/second-factor/recovery", code=shown(secret)).text
    assert old[0] not in renewed
    assert "The password is enough" not in stranger.page("/password")
    assert "Your second factor is off" in stranger.post("/second-factor/off", code=shown(secret, 30)).text
    assert here.people.get(ada).second_factor_at is None


def test_a_session_that_was_left_open_does_not_let_codes_be_guessed(stranger: Browser, ada: int) -> None:
    stranger.sign_in("ada@example.com")
    secret, _ = set_up(stranger)
    for _ in range(10):
        stranger.post("/second-factor/off", code="000000")
    assert "Too many wrong codes" in stranger.post("/second-factor/off", code=shown(secret)).text


def test_where_it_is_required_nothing_else_is_shown_before_it_is_set(
    stranger: Browser, here: Ours, make_settings: MakeSettings
) -> None:
    here.settings = make_settings(second_factor="required")
    person, given = here.people.add("ada@example.com", "viewer", actor="cli")
    assert "Choose your own password" in stranger.sign_in("ada@example.com", given).text
    stranger.post("/password", old=given, new=PASSWORD, again=PASSWORD)
    assert stranger.get("/events").location == "/second-factor"
    assert stranger.get("/password").location == "/second-factor"
    assert "Everybody here signs in with a password and a code" in stranger.page("/second-factor")
    set_up(stranger)
    assert stranger.get("/events").status_code == 200
    here.second_factors.remove(person.id, actor="cli")
    assert stranger.get("/events").location.startswith("/sign-in")


def test_an_admin_sees_who_has_one_and_takes_it_from_who_lost_the_device(
    admin: Browser, stranger: Browser, ada: int, here: Ours
) -> None:
    assert "Remove second factor" not in admin.page("/people")
    stranger.sign_in("ada@example.com")
    set_up(stranger)
    assert "Remove second factor of ada@example.com" in admin.page("/people")
    assert "no longer has a second factor" in admin.post(f"/people/{ada}/second-factor").text
    assert here.people.get(ada).second_factor_at is None
    assert stranger.get("/").status_code == 302
