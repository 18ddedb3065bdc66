"""Visitors, tokens and the audit log in a browser: found without leaving a name in any address, and forgotten."""

import json
from collections.abc import Callable
from html import unescape

import orjson
import pytest

from ours.bootstrap import Ours
from ours.services.visitors import exporting
from tests.web.show.conftest import Browser

JANE = {"user_properties": {"first_name": "Janecanary", "email": "jane@example.com"}}


@pytest.fixture
def jane(send: Callable[..., str], work: Callable[[], None], here: Ours) -> str:
    send(**JANE)
    work()
    return here.visitors.find("u1", "userId", actor="cli")[0].id


def test_an_email_in_clear_is_posted_and_leads_to_an_address_that_names_nobody(editor: Browser, jane: str) -> None:
    answer = editor.post("/visitors", follow=False, identifier="Jane@Example.com")
    assert (answer.status_code, answer.location) == (302, f"/visitors/{jane}")
    page = editor.page(answer.location)
    assert "Janecanary" in page
    assert "<title>Visitor · Ours</title>" in page


def test_a_viewer_sees_masks_and_neither_exports_nor_forgets(browser_of: Callable[[str], Browser], jane: str) -> None:
    viewer = browser_of("viewer")
    page = viewer.page(f"/visitors/{jane}")
    assert "Janecanary" not in page
    assert "jane@example.com" not in page
    assert "J•••" in page
    assert "Forget" not in page
    for path in (f"/visitors/{jane}/export", f"/visitors/{jane}/forget"):
        assert viewer.post(path).status_code == 403


def test_to_ask_for_the_head_of_the_form_forgets_nobody(admin: Browser, jane: str, here: Ours) -> None:
    answer = admin.client.head(f"/visitors/{jane}/forget")
    assert (answer.status_code, answer.location) == (200, None)
    assert here.visitors.find("u1", "userId", actor="cli")
    assert here.audit.latest("forget", f"visitor {jane}") is None


def test_found_in_both_modes_they_are_listed_and_a_stranger_is_said_to_be_nobody(
    editor: Browser, jane: str, send: Callable[..., str], work: Callable[[], None]
) -> None:
    send(mode="test")
    work()
    page = editor.post("/visitors", identifier="u1", kind="userId").text
    assert page.count("/visitors/") == 2
    assert "No match" in editor.post("/visitors", identifier="nobody").text
    assert editor.post("/visitors", identifier=" ").status_code == 400


def test_of_a_visitor_who_was_many_some_are_listed_and_the_rest_counted(
    editor: Browser, send: Callable[..., str], work: Callable[[], None], here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.web.show.visitors._MOST", 2)
    for number in range(5):
        send(user_id=f"many{number}")
        send(user_id=f"many{number}", external_id="customer-1", email_sha256=f"{number:064x}")
    work()
    (found,) = here.visitors.find("customer-1", "externalId", actor="cli")
    profile = here.visitors.show(found.id, actor="cli")
    assert (len(profile.merged), len(profile.identifiers)) == (4, 6)
    page = unescape(editor.page(f"/visitors/{found.id}"))
    assert sum(one in page for one in [id_[:8] for id_, _ in profile.merged]) == 2
    assert "And 2 more. The export lists them all." in page
    assert "And 4 more. For emails and earlier identifiers, only a hash is kept." in page
    assert "an earlier value" not in page  # what is known in clear comes first
    assert "customer-1" in page


def test_an_admin_exports_and_forgets_and_gets_a_receipt(
    admin: Browser, jane: str, here: Ours, work: Callable[[], None]
) -> None:
    answer = admin.post(f"/visitors/{jane}/export")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="visitor-{jane[:8]}.json"'
    assert json.loads(answer.text)["events"][0]["userProperties"]["first_name"] == "Janecanary"
    assert "every figure still adds up" in unescape(admin.page(f"/visitors/{jane}/forget"))
    answer = admin.post(f"/visitors/{jane}/forget", follow=False)
    assert answer.status_code == 302
    page = admin.page(answer.location)
    for said in (
        "None, as far as their events were still stored.",
        "there is no record of where they went",
        jane,
        "admin@example.com",
        "<dd>live</dd>",
    ):
        assert said in page
    assert admin.page(answer.location) == page  # to be come back to
    assert "still here" not in page
    assert admin.get(f"/visitors/{jane}").status_code == 404
    assert "difference 0" in admin.page("/")
    log = admin.page("/audit?subject=visitor+" + jane)
    for verb in ("export", "read", "forget"):
        assert f"<code>{verb}</code>" in log
    assert f'<a href="{answer.location}"><code>forget</code></a>' in log
    assert admin.get(f"/visitors/receipts/{'0' * 32}").status_code == 404


def test_a_visitor_of_whom_too_much_is_kept_for_an_answer_is_exported_on_the_server(
    admin: Browser, jane: str, here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = admin.post(f"/visitors/{jane}/export").data
    assert whole == orjson.dumps(json.loads(whole), option=orjson.OPT_INDENT_2)
    written = here.audit.latest("export", f"visitor {jane}")
    monkeypatch.setattr(exporting, "LARGEST", len(whole) - 1)
    answer = admin.post(f"/visitors/{jane}/export")
    assert answer.status_code == 400
    assert f"ours visitor export {jane} --kind visitor --output FILE" in answer.text
    assert "Content-Disposition" not in answer.headers
    assert here.audit.latest("export", f"visitor {jane}") == written


def test_what_a_forgotten_visitor_did_is_not_offered_to_be_sent_again(
    admin: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None]
) -> None:
    """It was refused after the click: that they were forgotten is for good."""
    here.destinations.add("file", "Archive", {"folder": str(here.settings.home)}, events=["*"], actor="cli")
    event_id = send("Purchase", "test", **JANE)
    work()
    assert ">Replay<" in admin.page(f"/events/{event_id}")
    [found] = here.visitors.find("u1", "userId", actor="cli")
    here.visitors.forget(found.id, actor="cli")
    assert ">Replay<" not in admin.page(f"/events/{event_id}")


def test_forgetting_in_one_mode_names_the_same_person_in_the_other(
    admin: Browser, jane: str, here: Ours, send: Callable[..., str], work: Callable[[], None]
) -> None:
    assert "there is nobody with the same identifiers in test mode" in admin.page(f"/visitors/{jane}/forget")
    send(mode="test", **JANE)
    work()
    (twin,) = [one.id for one in here.visitors.find("u1", "userId", actor="cli") if one.mode == "test"]
    for path in (f"/visitors/{jane}", f"/visitors/{jane}/forget"):
        assert f'href="/visitors/{twin}"' in admin.page(path), path
    answer = admin.post(f"/visitors/{jane}/forget", follow=False)
    page = admin.page(answer.location)
    assert "The same person is still here in test mode." in page
    assert f'href="/visitors/{twin}"' in page
    admin.post(f"/visitors/{twin}/forget")
    assert "still here" not in admin.page(answer.location)


def test_who_opens_an_event_in_clear_is_written_down_and_who_sees_masks_is_not(
    editor: Browser, browser_of: Callable[[str], Browser], send: Callable[..., str], here: Ours
) -> None:
    event_id = send(**JANE)
    browser_of("viewer").page(f"/events/{event_id}")
    assert here.audit.list(1)[0].verb != "read"
    editor.page(f"/events/{event_id}")
    editor.get(f"/events/{event_id}/dispatches")  # the page refreshing itself is no second reading
    read = [entry for entry in here.audit.list() if entry.verb == "read"]
    assert [(entry.actor, entry.subject) for entry in read] == [("editor@example.com", f"event {event_id}")]


def test_the_audit_log_is_narrowed_to_who_did_what(admin: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    assert "source 1" in admin.page("/audit?actor=cl&verb=add")
    assert "No results" in admin.page("/audit?actor=%25&verb=add")
    assert "No results" in admin.page("/audit?verb=remove")


def test_a_token_is_shown_once_and_revoked(admin: Browser, here: Ours) -> None:
    page = admin.post("/tokens/add", name="CI", scope="balance:read", days="7").text
    text = page.partition('<pre id="handed" tabindex="0">')[2].partition("</pre>")[0]
    assert here.tokens.authenticate(text)
    assert text not in admin.page("/tokens")
    assert "revoked" in admin.post("/tokens/1/revoke").text
    assert here.tokens.authenticate(text) is None
    answer = admin.post("/tokens/add", name="", days="0")
    assert answer.status_code == 400
    assert "A name has 1 to 200 characters." in answer.text


def test_signing_out_everywhere_ends_every_session(editor: Browser, here: Ours) -> None:
    assert "Sign out everywhere" in editor.page("/password")
    editor.post("/sign-out", everywhere="1")
    assert here.people.find("editor@example.com").session == 2
