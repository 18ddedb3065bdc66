"""Whoever may no longer, at every address and by every method; and each door's keys at every other door."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ours import clock
from ours.bootstrap import Ours
from ours.services.tokens import SCOPES
from ours.web.show.door import RANKS
from tests.web.show.conftest import Browser

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAMPLES = {"event_id": "0" * 32, "dispatch_id": "0" * 32, "visitor_id": "0" * 32, "entry_id": "0" * 32,
           "slug": "webhook", "verb": "pause", "subject": "source 1", "mode": "live"}  # fmt: skip


def _all(app: Flask, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Every address of the rooms whose endpoints begin so, with each method; and the role it needs."""
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith(prefix):
                values = {name: SAMPLES.get(name, 1) for name in rule.arguments}
                method = "POST" if "POST" in (rule.methods or ()) else None
                path = adapter.build(rule.endpoint, values, method=method)
                needed = getattr(app.view_functions[rule.endpoint], "needed_role", "")
                for method in METHODS:
                    yield path, method, needed if method in (rule.methods or ()) else ""


ENDS: Mapping[str, Callable[[Ours, int], object]] = {
    "removed": lambda here, number: here.people.remove(number, actor="cli"),
    "signed out": lambda here, number: here.people.end_sessions(number, actor="cli"),
    "given a new password": lambda here, number: here.people.reset("admin@example.com", actor="cli"),
    "locked out": lambda here, number: here.lockout.run(with_keys=False, actor="cli"),
}


@pytest.fixture
def admin_id(admin: Browser, here: Ours) -> int:
    here.people.add("other@example.com", "admin", actor="cli")
    here.sources.add("Shop", actor="cli")
    here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli")
    return here.people.find("admin@example.com").id


@pytest.mark.parametrize("end", ENDS)
def test_whoever_was_an_admin_a_moment_ago_may_nothing(
    app: Flask, admin: Browser, admin_id: int, here: Ours, end: str
) -> None:
    form = admin.page("/sources").partition('name="csrf_token" value="')[2].partition('"')[0]
    ENDS[end](here, admin_id)
    before = here.audit.list()
    for path, method, needed in _all(app, "show."):
        answer = admin.client.open(path, method=method, data={"csrf_token": form} if method == "POST" else None)
        if method == "OPTIONS":
            assert answer.text == "", path
        elif needed and needed != "anyone":
            assert (answer.status_code, answer.location[:8]) == (302, "/sign-in"), (path, method)
        assert "Hook" not in answer.text
    assert here.audit.list() == before


def test_whoever_was_an_admin_a_moment_ago_may_what_a_viewer_may(
    app: Flask, admin: Browser, admin_id: int, here: Ours
) -> None:
    form = admin.page("/sources").partition('name="csrf_token" value="')[2].partition('"')[0]
    here.people.set_role(admin_id, "viewer", actor="cli")
    before = [entry for entry in here.audit.list() if entry.verb != "read"]
    for path, method, needed in _all(app, "show."):
        if needed and RANKS[needed] > RANKS["viewer"] and method != "OPTIONS":
            answer = admin.client.open(path, method=method, data={"csrf_token": form} if method == "POST" else None)
            assert answer.status_code == 403, (path, method)
    assert [entry for entry in here.audit.list() if entry.verb != "read"] == before


def test_what_opens_one_door_opens_no_other(
    app: Flask, admin: Browser, here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources' keys, tokens that ended and a session at the admin API; tokens and ended keys at the ingest API."""
    made = here.sources.add("Shop", actor="cli")
    tokens = [here.tokens.add(name, list(SCOPES), actor="cli") for name in ("Good", "Revoked")]
    here.tokens.revoke(tokens[1][0].id, actor="cli")
    rotated = here.sources.rotate(made.source.id, "live", 0, actor="cli")
    ended = here.sources.add("Ended", actor="cli")
    here.sources.deactivate(ended.source.id, actor="cli")
    monkeypatch.setattr("ours.web.throttle.Throttle.may_try_token", lambda *_: True)
    before, client = here.audit.list(), app.test_client()
    for path, method, _ in _all(app, "admin."):
        for one in (made.live_key, made.test_key, rotated, tokens[1][1]):
            answer = client.open(path, method=method, headers={"Authorization": f"Bearer {one}"})
            assert answer.status_code in {401, 405} or method == "OPTIONS", (path, method)
        assert admin.client.open(path, method=method).status_code in {401, 405} or method == "OPTIONS", (path, method)
    assert here.audit.list() == before
    for wrong in (tokens[0][1], tokens[1][1], made.live_key, ended.live_key, ended.test_key):
        assert _track(client, wrong) == 401
    assert (_track(client, rotated), _track(client, made.test_key)) == (200, 200)
    later = clock.now_ms() + 91 * clock.DAY
    monkeypatch.setattr(clock, "now_ms", lambda: later)
    good = {"Authorization": f"Bearer {tokens[0][1]}"}
    for path, method, _ in _all(app, "admin."):
        assert client.open(path, method=method, headers=good).status_code in {401, 405} or method == "OPTIONS"


def _track(client: FlaskClient, key: str) -> int:
    return client.post("/api/v1/track", json={"token": key, "event": "Purchase", "userId": "u1"}).status_code
