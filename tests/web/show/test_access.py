"""Who may pass, what every answer carries, and what a form must bring."""

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from flask import Flask
from werkzeug.routing import Rule

from ours.bootstrap import Ours
from ours.resources import folder
from ours.services.audit import Entry
from ours.web.security import HEADERS
from ours.web.show.door import RANKS
from tests.web.show.conftest import Browser

_OPEN = {"static", "show.sign_in"}  # the code is asked of who gave a password
_MACHINES = ("/api/", "/health/", "/metrics")
_SAMPLES = {"event_id": "0" * 32, "dispatch_id": "0" * 32, "slug": "webhook", "verb": "pause", "filename": "ours.css"}


def _rules(app: Flask, method: str = "GET") -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(_MACHINES) and method in (rule.methods or ()):
            yield rule


def _path(app: Flask, rule: Rule) -> str:
    with app.test_request_context():
        values = {name: _SAMPLES.get(name, 1) for name in rule.arguments}
        return str(app.url_map.bind("localhost").build(rule.endpoint, values))


@pytest.mark.parametrize(("role", "groups"), [("viewer", 3), ("admin", 4)])
def test_no_group_of_pages_stands_there_empty(browser_of: Callable[[str], Browser], role: str, groups: int) -> None:
    menu = browser_of(role).page("/").split('aria-label="Pages">')[1].split("</nav>")[0]
    assert menu.count("<p>") == groups
    assert not re.search(r"<ul>\s*</ul>", menu)


def test_every_page_says_the_role_it_needs(app: Flask) -> None:
    pages = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("show.")]
    assert len(pages) > 20
    for rule in pages:
        assert getattr(app.view_functions[rule.endpoint], "needed_role", None) in RANKS, rule


def test_nothing_but_signing_in_is_shown_to_a_stranger(app: Flask, stranger: Browser) -> None:
    for rule in _rules(app):
        answer = stranger.get(_path(app, rule))
        if rule.endpoint in _OPEN:
            assert answer.status_code == 200, rule
        else:
            assert answer.status_code == 302, rule
            assert answer.location.startswith("/sign-in"), rule


def test_nothing_is_done_for_a_stranger(app: Flask, stranger: Browser) -> None:
    for rule in _rules(app, "POST"):
        if rule.endpoint not in _OPEN:
            answer = stranger.post(_path(app, rule), follow=False)
            assert (answer.status_code, answer.location[:8]) == (302, "/sign-in"), rule


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_a_person_may_what_their_role_may_and_no_more(
    app: Flask, browser_of: Callable[[str], Browser], role: str
) -> None:
    browser = browser_of(role)
    for rule in _rules(app):
        needed = getattr(app.view_functions[rule.endpoint], "needed_role", "anyone")
        status = browser.get(_path(app, rule)).status_code
        assert (status == 403) == (RANKS[needed] > RANKS[role]), (rule, status)
    for rule in _rules(app, "POST"):
        needed = getattr(app.view_functions[rule.endpoint], "needed_role", "anyone")
        if RANKS[needed] > RANKS[role]:
            assert browser.post(_path(app, rule)).status_code == 403, rule


def test_a_viewer_is_told_why_not(browser_of: Callable[[str], Browser]) -> None:
    said = unescape(browser_of("viewer").get("/people").text)
    assert "This needs the role admin; yours is viewer." in said


def test_a_form_without_its_token_does_nothing(app: Flask, admin: Browser, here: Ours) -> None:
    for rule in _rules(app, "POST"):
        answer = admin.client.post(_path(app, rule), data={"name": "Forged", "email": "eve@example.com"})
        assert answer.status_code == 400, rule
        assert "This form has expired" in answer.text
    assert not here.sources.list()
    assert [person.email for person in here.people.list()] == ["admin@example.com"]


def test_to_ask_for_the_head_of_a_page_does_nothing(app: Flask, admin: Browser, here: Ours) -> None:
    """No form's token is asked for there."""
    here.sources.add("Shop", actor="cli")
    for slug, name in (("webhook", "Hook"), ("webhook", "Other")):
        here.destinations.add(slug, name, {"url": "https://hook.example.com/"}, events=["*"], actor="cli")
    eve, _ = here.people.add("eve@example.com", "viewer", actor="cli")
    before = _changes(here)
    for rule in _rules(app):
        path = _path(app, rule)
        if "person_id" in rule.arguments:
            path = path.replace("/1/", f"/{eve.id}/")
        verbs = ("off", "remove", "delete", "deactivate", "pause") if "verb" in rule.arguments else ("",)
        for one in (path.replace("/pause", f"/{verb}") if verb else path for verb in verbs):
            asked = admin.get(one)
            head = admin.client.head(one, buffered=True)
            assert (head.status_code, head.data) == (asked.status_code, b""), one
    assert _changes(here) == before
    assert [one.email for one in here.people.list()] == ["admin@example.com", "eve@example.com"]


def _changes(here: Ours) -> list[Entry]:
    """All but who read what, which is kept of a page that was shown."""
    return [entry for entry in here.audit.list() if entry.verb != "read"]


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nowhere", "/static/ours.css", "/health/live"])
def test_every_answer_carries_the_security_headers(stranger: Browser, path: str) -> None:
    answer = stranger.get(path)
    for name, value in HEADERS.items():
        assert answer.headers.getlist(name) == [value], (path, name)
    assert "Strict-Transport-Security" not in answer.headers


def test_answers_to_backends_carry_headers_too(stranger: Browser) -> None:
    answer = stranger.client.post("/api/v1/track", json={})
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Set-Cookie" not in answer.headers


def test_over_tls_browsers_are_told_to_stay_there(stranger: Browser) -> None:
    answer = stranger.get("/sign-in", base_url="https://localhost/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_pages_are_kept_by_nobody(editor: Browser) -> None:
    assert editor.get("/events").headers["Cache-Control"] == "no-store"


def test_no_template_has_a_script_a_style_or_a_foreign_address_of_its_own() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:|(src|href)=\"(https?:)?//", re.I)
    for path in folder("templates").rglob("*.html"):
        assert not inline.search(path.read_text()), path


def test_a_part_of_a_page_sends_a_stranger_to_the_whole_page_first(stranger: Browser) -> None:
    answer = stranger.get("/events/rows", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"], answer.text) == (401, "true", "")


def test_a_broken_database_is_said_in_words(editor: Browser, here: Ours) -> None:
    with here.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE people")
    answer = editor.get("/events")
    assert answer.status_code == 503
    assert "Not available right now" in answer.text


def test_a_fault_of_ours_is_said_without_its_innards(app: Flask, editor: Browser) -> None:
    def broken() -> str:
        raise RuntimeError("canary-4711")

    app.view_functions["show.events"] = broken
    answer = editor.get("/events")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "canary-4711" not in answer.text


@pytest.mark.parametrize(
    "path", ["/sources/{}", "/destinations/{}/edit", "/people/{}/remove", "/api/admin/v1/sources/{}"]
)
def test_there_is_nothing_at_a_number_that_no_database_holds(admin: Browser, path: str) -> None:
    assert admin.get(path.format("9" * 20)).status_code == 404


def test_an_address_that_leads_nowhere_says_so_to_people_and_machines(editor: Browser) -> None:
    page = editor.get("/nowhere")
    assert page.status_code == 404
    assert "Not found" in page.text
    assert editor.get("/api/nowhere").status_code == 404
    assert "<html" not in editor.get("/api/v1/nowhere").text
