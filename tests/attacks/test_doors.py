"""Attempts to pass for somebody else, or to reach what belongs to another."""

import hashlib
import inspect
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from ours.bootstrap import Ours
from ours.services import accept, tokens
from ours.store.queries import sources as source_queries
from ours.store.queries import tokens as token_queries
from ours.store.tables import keys
from ours.store.tables import tokens as token_table
from tests.web.show.conftest import Browser


def test_keys_and_tokens_are_looked_up_by_hash_and_never_compared(here: Ours, key: str) -> None:
    """How long an answer takes says nothing of how much of a key was right: SHA-256 of a guess is near nothing."""
    _, token = here.tokens.add("CI", ["balance:read"], actor="cli")
    with here.store.read() as connection:
        assert hashlib.sha256(key.encode()).hexdigest() in set(connection.scalars(sa.select(keys.c.hash)))
        for row in [*connection.execute(sa.select(keys)), *connection.execute(sa.select(token_table))]:
            assert key not in str(row)
            assert token not in str(row)
    assert "key_hash(key)" in inspect.getsource(accept.Accept.known)
    assert "key_hash(text)" in inspect.getsource(tokens.Tokens.authenticate)
    for query in (source_queries.caller_by_hash, token_queries.by_hash):
        assert "hash ==" in inspect.getsource(query).replace("c.hash == ", "hash == ")
    for guess in (key[:-1], key + "x", key.upper() + "X", "", "%", key[:-1] + "\x00"):
        assert here.accept.authenticate(guess) is None


@pytest.mark.usefixtures("dear_passwords")
def test_an_unknown_person_costs_as_much_as_a_known_one(here: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    here.people.add("ada@example.com", "viewer", actor="cli")
    tried = []
    monkeypatch.setattr(PasswordHasher, "verify", lambda _self, hashed, _text: tried.append(hashed[:30]) or False)
    monkeypatch.setattr(PasswordHasher, "check_needs_rehash", lambda *_: False)
    for email in ("ada@example.com", "nobody@example.com", "no email", ""):
        here.people.sign_in(email, "guess")
    assert len(tried) == 4
    assert len(set(tried)) == 1  # the same kind of hash, with the same costs


def test_a_session_that_was_fixed_before_is_worth_nothing_after(app: Flask, here: Ours) -> None:
    """The attacker plants a cookie of their own; whoever signs in gets another, and the planted one opens nothing."""
    here.people.add("ada@example.com", "viewer", password="correct horse battery", actor="cli")
    attacker, victim = app.test_client(), Browser(app.test_client())
    attacker.get("/sign-in")
    planted = attacker.get_cookie("ours_session")
    assert planted
    victim.client.set_cookie("ours_session", planted.value)
    victim.sign_in("ada@example.com")
    after = victim.client.get_cookie("ours_session")
    assert after
    assert after.value != planted.value
    assert attacker.get("/password").status_code == 302


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_form_of_another_page_does_nothing(admin: Browser, here: Ours, headers: dict[str, str]) -> None:
    forms = {
        "/people/add": {"email": "eve@example.com", "role": "admin"},
        "/sources/add": {"name": "Evil"},
        "/tokens/add": {"name": "Evil", "scope": "sources:write"},
    }
    for path, form in forms.items():
        for forged in (None, "", "forged", "IjEi.x.y"):
            data = form if forged is None else {**form, "csrf_token": forged}
            assert admin.client.post(path, data=data, headers=headers).status_code == 400
    assert len(here.people.list()) == 1
    assert here.sources.list() == here.tokens.list() == []


def test_a_token_of_another_session_is_no_good(app: Flask, admin: Browser, editor: Browser, here: Ours) -> None:
    page = editor.page("/sources")
    stolen = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert admin.client.post("/sources/add", data={"csrf_token": stolen, "name": "Evil"}).status_code == 400
    assert here.sources.list() == []


def test_ids_of_one_thing_open_no_other(admin: Browser, here: Ours, send: Callable[..., str]) -> None:
    event_id = send()
    while here.route.run():
        pass
    (visitor,) = here.visitors.find("u1", "userId", actor="cli")
    for path in (f"/visitors/{event_id}", f"/events/{visitor.id}", f"/dispatches/{event_id}", "/sources/99",
                 "/sources/-1", "/destinations/1", "/people/99/remove", "/visitors/1",
                 "/events/' OR 1=1--", f"/events/{event_id}%00",
                 f"/events/{event_id.upper()}x", "/visitors/" + "0" * 32 + "/forget"):  # fmt: skip
        assert admin.get(path).status_code == 404, path


def test_nobody_changes_another_by_their_id(browser_of: Callable[[str], Browser], here: Ours) -> None:
    target, _ = here.people.add("ada@example.com", "admin", actor="cli")
    before = here.people.get(target.id)
    for role in ("viewer", "editor"):
        browser = browser_of(role)
        for verb in ("reset", "role", "remove", "second-factor", "sign-out"):
            assert browser.post(f"/people/{target.id}/{verb}", role="viewer").status_code == 403
        browser.post("/password", person_id=str(target.id), old="x", new="y" * 12, again="y" * 12)
        browser.post("/sign-out", everywhere="1", person_id=str(target.id))
    assert here.people.get(target.id) == before


def test_a_key_of_a_source_does_not_touch_another_sources_events(here: Ours, client: FlaskClient, key: str) -> None:
    other = here.sources.add("Other", actor="cli").live_key
    body = {"event": "A", "userId": "u", "distinctId": "d-1"}
    first = client.post("/api/v1/track", json={"token": key, **body}).json
    again = client.post("/api/v1/track", json={"token": other, **body, "eventProperties": {"x": 1}}).json
    assert again["duplicate"] is True
    assert again["eventId"] == first["eventId"]
    assert here.overview.event_json(first["eventId"])["eventProperties"] == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS"])
def test_other_methods_open_nothing(admin: Browser, method: str) -> None:
    for path in ("/", "/people", "/people/1/remove", "/sources/add"):
        answer = admin.client.open(path, method=method, headers={"X-HTTP-Method-Override": "POST"})
        assert answer.status_code in {200, 400, 405}
        assert answer.text == "" or answer.status_code != 200
