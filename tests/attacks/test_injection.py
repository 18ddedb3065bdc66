"""What somebody sends is data everywhere: no header, no log line, no template, no path and no page is made of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ours import log
from ours.bootstrap import Ours
from ours.errors import Invalid
from ours.registry import load as load_registry
from ours.settings import Settings
from tests.receiver import Receiver
from tests.web.show.conftest import Browser

LINES = ["x\r\nSet-Cookie: evil=1", "x\nEvil: 1", "x\rEvil: 1", "x\u2028Evil: 1", "x\x00Evil", "x\x85Evil: 1"]
TEMPLATES = ["{{7*7}}", "{{ config }}", "{{ ''.__class__.__mro__ }}", "{% raw %}", "x${7*7}", "#{7*7}",
             "{{event.__class__}}",
             "{{visitor.__init__.__globals__}}", "{{event.event_properties.__class__}}", "{0.__class__}",
             "%(secret)s"]  # fmt: skip


@pytest.mark.parametrize("text", LINES)
def test_no_header_is_made_of_what_is_asked_for(stranger: Browser, editor: Browser, admin: Browser, text: str) -> None:
    for browser, path in ((stranger, "/events"), (editor, "/events"), (admin, "/audit")):
        answer = browser.get(path, query_string={"next": text, "name": text, "before": text, "actor": text})
        assert "Evil" not in answer.headers
        assert "evil" not in answer.headers.get("Set-Cookie", "")
    answer = stranger.get("/sign-in", query_string={"next": "/" + text})
    assert "Evil" not in answer.headers


@pytest.mark.parametrize("text", LINES)
def test_no_header_of_a_request_is_made_of_a_setting(here: Ours, receiver: Receiver, text: str) -> None:
    for settings in ({"headers": {"X-Team": text}}, {"headers": {text: "x"}}, {"headers": f"X-Team: {text}"}):
        try:
            here.destinations.add("webhook", "Hook", {"url": receiver.url, **settings}, events=[], actor="cli")
        except Invalid:
            continue
        shown = json.dumps(here.destinations.list()[0].settings_shown)
        assert "\\n" not in shown
        assert "\\r" not in shown
        here.destinations.remove(here.destinations.list()[0].id, actor="cli")


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize(
    "text", ["x\n2026-01-01T00:00:00Z [error] forged", "x\r\nforged", "\x1b[2Jforged", "jane@canary.example"]
)
def test_no_line_of_the_log_is_forged(capsys: pytest.CaptureFixture[str], style: str, text: str) -> None:
    log.configure("INFO", style)
    log.get("attack").warning("something", name=text, token="canary-token")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b[2J" not in said
    assert "canary" not in said
    log.configure("WARNING", "text")


@pytest.mark.parametrize("text", TEMPLATES)
def test_no_template_is_run_that_somebody_sent(
    admin: Browser, here: Ours, receiver: Receiver, send: Callable[..., str], work: Callable[[], None], text: str
) -> None:
    hook = here.destinations.add(
        "webhook", "Hook", {"url": receiver.url}, events=["*"],
        mapping={"value": "{{event.event_properties.value}}"}, actor="cli",
    )  # fmt: skip
    event_id = send(text, event_properties={"value": text}, user_properties={"first_name": text})
    work()
    assert json.loads(receiver.requests[0].body)["data"]["event"] == text
    page = admin.page(f"/events/{event_id}")
    assert "49" not in page.partition("<h1>")[2].partition("</h1>")[0]
    assert "&lt;class" not in page
    answer = admin.post(
        f"/destinations/{hook.id}/edit", name="Hook", choice="all", map_field="value", map_template=text
    )
    assert "__mro__" not in answer.text or answer.status_code == 400
    try:
        here.destinations.update(hook.id, mapping={"value": text}, actor="cli")
    except Invalid:
        return
    send("Again", event_properties={"value": "x"})
    work()
    sent = json.loads(receiver.requests[-1].body)["data"]
    assert sent.get("properties", {}).get("value", sent.get("value")) in {text, None, "x"}


@pytest.mark.parametrize(
    "path",
    ["/static/../security.py", "/static/..%2fsecurity.py", "/static/%2e%2e/%2e%2e/settings.py", "/static//etc/passwd",
     "/static/....//....//etc/passwd", "/static/..\\..\\settings.py", "/static/%5c..%5csecurity.py",
     "/static/ours.css%00.py", "/static/%c0%ae%c0%ae/security.py", "/static/", "/static/.", "/templates/layout.html"],
)  # fmt: skip
def test_nothing_but_our_static_files_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {302, 308, 400, 404}
    assert "import" not in answer.text


def test_a_plugin_is_found_in_its_folder_and_nowhere_else(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    folder = make_settings().plugins_dir
    folder.mkdir()
    outside = tmp_path / "outside.py"
    outside.write_text("raise SystemExit('run from outside')\n")
    (folder / "..sneaky.py").write_text("raise SystemExit\n")
    registry = load_registry(make_settings())
    for slug in ("../outside", "..", "/etc/passwd", "outside", "webhook/../file", "webhook\x00"):
        assert registry.get(slug) is None


def test_a_slug_in_an_address_is_no_path(admin: Browser, app: Flask) -> None:
    for slug in ("..%2f..%2foutside", "%2e%2e", "webhook%00", "webhook%2f..%2ffile"):
        assert admin.get(f"/destinations/add/{slug}").status_code == 404
