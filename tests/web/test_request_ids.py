"""Every answer says what the request is called, and whoever is asked about one finds it in the log under that name."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ours import ids, log
from ours.bootstrap import Ours
from ours.errors import Busy
from ours.web import create_app
from ours.web.arriving import _TOO_LATE, _refuse
from ours.web.ingest import telling
from tests.web.ingest.test_late import Given, said


@pytest.fixture
def app(here: Ours) -> Flask:
    """One of its own: a test gives it another address."""
    return create_app(here)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """What was logged of requests since it was asked last."""
    monkeypatch.setattr(telling, "_seldom", log.Seldom(most=20))
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    log.configure(style="json")

    def read() -> list[Any]:
        text = lines.getvalue()
        lines.seek(0)
        lines.truncate()
        return [one for one in map(json.loads, text.splitlines()) if "request" in one]

    return read


@pytest.fixture
def key(here: Ours) -> str:
    return here.sources.add("Shop", actor="cli").live_key


def track(client: FlaskClient, body: dict[str, Any], name: str | None = None) -> TestResponse:
    return client.post("/api/v1/track", json=body, headers={"X-Request-Id": name} if name else {})


@pytest.mark.parametrize(
    "path", ["/health/live", "/api/v1/openapi", "/api/v1/trak", "/api/admin/v1/balance", "/sign-in", "/x", "/metrics"]
)
def test_every_answer_has_one_id_of_ours_or_the_callers(client: FlaskClient, path: str) -> None:
    made = client.get(path).headers.getlist("X-Request-Id")
    assert [ids.is_id(one) for one in made] == [True]
    assert client.get(path, headers={"X-Request-Id": "Root=1-67:a/b"}).headers.getlist("X-Request-Id") == [
        "Root=1-67:a/b"
    ]


@pytest.mark.parametrize("name", ["a b", "a" * 65, "jane@example.com", 'x"}', "a,b", "ä", ""])
def test_what_is_no_plain_name_gives_way_to_ours(client: FlaskClient, name: str) -> None:
    assert ids.is_id(client.get("/health/live", headers={"X-Request-Id": name}).headers["X-Request-Id"])


def test_a_refusal_is_in_the_log_under_the_id_of_its_answer_without_what_was_sent(
    client: FlaskClient, key: str, logged: Callable[[], list[Any]]
) -> None:
    answer = track(client, {"token": key, "userProperties": {"gender": [1]}, "email": 5})
    (line,) = logged()
    assert (line["request"], line["level"]) == (answer.headers["X-Request-Id"], "info")
    assert {name: line[name] for name in ("event", "status", "code", "source", "fields", "times")} == {
        "event": "refused", "status": 400, "code": "invalid_fields", "source": 1,
        "fields": ["email", "event", "userProperties"], "times": 1,
    }  # fmt: skip
    track(client, {"token": "nobody's", "event": "A"}, "mine-1")
    (line,) = logged()
    assert (line["request"], line["code"], line["source"]) == ("mine-1", "invalid_key", None)
    for path, method, body in (("/api/v1/track", "GET", ""), ("/track", "POST", "{}"), ("/api/v1/track", "POST", "{")):
        answer = client.open(path, method=method, data=body)
        assert [one["request"] for one in logged()] == [answer.headers["X-Request-Id"]]


def test_a_batch_of_which_rows_were_refused_is_in_the_log(
    client: FlaskClient, key: str, logged: Callable[[], list[Any]]
) -> None:
    rows = [{"event": "A", "userId": "u", "distinctId": "d"}, {"event": "A"}, 5]
    answer = client.post("/api/v1/batch", json={"token": key, "events": rows})
    assert answer.status_code == 207
    (line,) = logged()
    assert (line["request"], line["code"], line["rows"]) == (answer.headers["X-Request-Id"], "invalid_event", 2)


def test_a_flood_of_refusals_is_twenty_lines_and_hides_no_other_source(
    client: FlaskClient, key: str, logged: Callable[[], list[Any]]
) -> None:
    for _ in range(50):
        track(client, {"token": "nobody's"})
    answer = track(client, {"token": key})
    lines = logged()
    assert len(lines) == 21
    assert lines[-1]["request"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("why", [Busy("The disk is nearly full.", retry_after=5), RuntimeError("broken")])
def test_what_is_answered_later_says_its_id_too(
    app: Flask, key: str, logged: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch, here: Ours, why: Exception
) -> None:
    from ours.web import later

    def submit(*given: Any) -> None:
        given[-1](why)

    data = json.dumps({"token": key, "event": "A", "userId": "u"}).encode()
    given, serve = Given(), later._wrap(app, {})
    monkeypatch.setattr(here.accept, "submit", submit)
    serve(given, {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/track", "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "HTTP_X_REQUEST_ID": "mine-2",
        "wsgi.input": io.BytesIO(data), "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)),
    })  # fmt: skip
    status, headers, _ = said(given)
    assert headers["X-Request-Id"] == "mine-2"
    (line,) = logged()
    assert line["request"] == "mine-2"
    assert status == 503 or "broken" in line["exception"]


def test_who_sends_too_slowly_is_told_an_id_too(logged: Callable[[], list[Any]]) -> None:
    given = Given()
    _refuse((given, "mine-3"), _TOO_LATE)
    assert said(given)[1]["X-Request-Id"] == "mine-3"
    (line,) = logged()
    assert (line["request"], line["code"]) == ("mine-3", "request_timeout")


@pytest.mark.parametrize(
    ("path", "broken"),
    [("/sign-in", "show.sign_in"), ("/api/admin/v1/nothing", ""), ("/api/v1/openapi", "ingest.describe")],
)
def test_what_breaks_is_in_the_log_with_its_traceback_under_the_id_of_the_answer(
    app: Flask, client: FlaskClient, path: str, broken: str, logged: Callable[[], list[Any]]
) -> None:
    def fail() -> str:
        raise RuntimeError("broken by jane@example.com")

    if not broken:
        app.add_url_rule(path, "admin.nothing", fail)
    else:
        app.view_functions[broken] = fail
    answer = client.get(path)
    assert answer.status_code == 500
    (line,) = logged()
    assert line["request"] == answer.headers["X-Request-Id"]
    assert "RuntimeError: broken by ••••" in line["exception"]
    if path == "/sign-in":
        assert line["request"] in answer.text
