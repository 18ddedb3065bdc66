"""People, the audit log, plugins and the overview."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from ours.bootstrap import Ours
from ours.services.actors import Actor
from tests.web.show.conftest import Browser


def _password(page: str) -> str:
    found = re.search(r'<pre id="handed"[^>]*>(.*?)</pre>', page)
    assert found
    return unescape(found[1])


def test_a_new_person_is_handed_a_password_that_works_once(admin: Browser, here: Ours, stranger: Browser) -> None:
    page = admin.post("/people/add", email="Bob@Example.com", role="viewer").text
    assert here.people.find("bob@example.com").role == "viewer"
    assert _password(page) not in admin.page("/people")
    assert "Choose your own password" in stranger.sign_in("bob@example.com", _password(page)).text


def test_a_reset_password_replaces_the_old_one(
    admin: Browser, here: Ours, browser_of: Callable[[str], Browser]
) -> None:
    viewer = browser_of("viewer")
    person = here.people.find("viewer@example.com")
    password = _password(admin.post(f"/people/{person.id}/reset").text)
    assert viewer.get("/").status_code == 302
    assert here.people.sign_in("viewer@example.com", password)


def test_roles_are_set_and_people_removed(admin: Browser, here: Ours) -> None:
    person, _ = here.people.add("bob@example.com", "viewer", actor="cli")
    assert "bob@example.com now has the role editor." in admin.post(f"/people/{person.id}/role", role="editor").text
    assert "can no longer sign in, and every open session ends" in admin.page(f"/people/{person.id}/remove")
    admin.post(f"/people/{person.id}/remove")
    assert [one.email for one in here.people.list()] == ["admin@example.com"]


def test_whoever_is_removed_leaves_tokens_that_are_named(admin: Browser, here: Ours) -> None:
    left = Actor("bob@example.com", "admin")
    bob, _ = here.people.add(left.name, "admin", actor="cli")
    gone, _ = here.tokens.add("Revoked", ["balance:read"], actor=left)
    here.tokens.revoke(gone.id, actor="cli")
    here.tokens.add("Another's", ["balance:read"], actor="cli")
    assert "Tokens that they made" not in admin.page(f"/people/{bob.id}/remove")
    _, text = here.tokens.add("Deployment", ["balance:read"], actor=left)
    page = admin.page(f"/people/{bob.id}/remove")
    assert "Tokens that they created keep working: <bdi>Deployment</bdi>." in page
    admin.post(f"/people/{bob.id}/remove")
    assert here.tokens.authenticate(text)


def test_the_last_admin_stays(admin: Browser, here: Ours) -> None:
    me = here.people.find("admin@example.com")
    assert "This is the only admin." in admin.post(f"/people/{me.id}/remove").text
    assert "This is the only admin." in admin.post(f"/people/{me.id}/role", role="viewer").text


def test_what_is_wrong_with_an_email_stands_beside_it(admin: Browser) -> None:
    answer = admin.post("/people/add", email="nobody", role="viewer")
    assert answer.status_code == 400
    assert 'id="email-wrong"' in answer.text
    assert 'value="nobody"' in answer.text


def test_the_audit_log_says_who_did_what_and_goes_back(admin: Browser, here: Ours) -> None:
    for number in range(60):
        here.sources.add(f"Source {number}", actor=Actor("ada@example.com", "editor"))
    page = admin.page("/audit")
    assert "source 60" in page
    assert "source 1<" not in page
    older = re.search(r'href="(/audit\?before=[^"]+)"', page)
    assert older
    assert "source 1<" in admin.page(older[1])


@pytest.mark.usefixtures("plugins_tried_anew")
def test_a_plugin_whose_extra_is_missing_is_listed_with_the_line_and_worries_nobody(
    here: Ours, editor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.registry.extras._is_here", lambda module: module != "boto3")
    page = unescape(editor.page("/plugins"))
    assert "pip install 'ours[s3]'" in page
    assert "Set aside" not in page
    assert "boto3" not in editor.page("/")
    assert "Not available: <code>kinesis</code>, <code>s3</code>, <code>sqs</code>." in editor.page("/destinations/add")


def test_plugins_are_listed_and_those_set_aside_say_why(here: Ours, editor: Browser) -> None:
    here.settings.plugins_dir.mkdir()
    (here.settings.plugins_dir / "broken.py").write_text("import nothing_of_that_name\n")
    page = editor.page("/plugins")
    assert "Webhook" in page
    assert "nothing_of_that_name" in page
    assert "Not available: <code>broken</code>." in editor.page("/destinations/add")
    assert "broken</a> is a plugin that was set aside." in editor.page("/").replace("<bdi>", "").replace("</bdi>", "")


def test_the_overview_adds_up(editor: Browser, send: Callable[..., str], work: Callable[[], None]) -> None:
    for _ in range(3):
        send()
    send("Tried", "test")
    work()
    page = editor.page("/")
    assert '<span class="state good">difference 0</span>' in page
    assert '<span class="key">3 live</span>' in page
    assert '<span class="key of-test">1 test</span>' in page


def test_the_first_look_at_an_empty_house_says_how_to_begin(editor: Browser) -> None:
    assert "Adding one gives you a live key and a test key." in editor.page("/")
    assert "Waiting for the first event" in editor.page("/events")
    for path in ("/sources", "/destinations", "/install", "/playground", "/plugins"):
        editor.page(path)


def test_an_admin_ends_somebodys_sessions(admin: Browser, here: Ours, browser_of: Callable[[str], Browser]) -> None:
    viewer = browser_of("viewer")
    found = here.people.find("viewer@example.com")
    assert "All sessions of viewer@example.com have ended." in admin.post(f"/people/{found.id}/sign-out").text
    assert viewer.get("/").status_code == 302
    assert admin.get("/").status_code == 200
