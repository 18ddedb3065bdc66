"""Under a server that lets an answer be given later, no thread waits for the disk."""

import io
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask

from ours.errors import Busy
from ours.web import later
from tests.web.ingest.conftest import LIVE, Memory


class Given:
    """granian's object for an answer, as far as it is used: whole or in parts, once."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))

    def response_iter(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        self.answers.append((status, dict(headers), b"".join(parts.inner)))


@pytest.fixture
def ask(app: Flask) -> Callable[..., Given]:
    serve = later._wrap(app, {})

    def send(path: str, body: dict[str, Any]) -> Given:
        data = json.dumps({"token": LIVE} | body).encode()
        given = Given()
        serve(given, {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data), "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)),
        })  # fmt: skip
        return given

    return send


def said(given: Given) -> tuple[int, dict[str, str], dict[str, Any]]:
    [(status, headers, body)] = given.answers
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Content-Type"] == "application/json"
    return status, headers, json.loads(body)


def test_nothing_is_said_before_the_disk_has_it(ask: Callable[..., Given], accept: Memory) -> None:
    given = [ask("/api/v1/track", {"event": "A", "userId": "u", "distinctId": f"d{n}"}) for n in range(3)]
    identified = ask("/api/v1/identify", {"userId": "u", "userProperties": {"city": "Leeds"}})
    assert not any(one.answers for one in [*given, identified])
    accept.let_go()
    assert [said(one)[2]["distinctId"] for one in given] == ["d0", "d1", "d2"]
    assert said(identified)[::2] == (200, {"success": True})


def test_an_event_that_cannot_be_stored_is_answered_503(ask: Callable[..., Given], accept: Memory) -> None:
    given = ask("/api/v1/track", {"event": "A", "userId": "u"})
    accept.fails = Busy("The database can't be written just now.", retry_after=7)
    accept.let_go()
    status, headers, body = said(given)
    assert (status, headers["Retry-After"], body["code"]) == (503, "7", "unavailable")


def test_what_is_known_to_fail_is_answered_at_once(ask: Callable[..., Given], accept: Memory) -> None:
    accept.busy = True
    status, headers, body = said(ask("/api/v1/track", {"event": "A", "userId": "u"}))
    assert (status, headers["Retry-After"], body["error"]) == (503, "5", "The disk is nearly full.")
    assert said(ask("/api/v1/track", {"userId": "u"}))[0] == 400


def test_what_nobody_foresaw_is_a_500_without_its_words(ask: Callable[..., Given], accept: Memory) -> None:
    given = ask("/api/v1/track", {"event": "A", "userId": "u"})
    accept.fails = RuntimeError("secret")
    accept.let_go()
    status, _, body = said(given)
    assert (status, body["code"]) == (500, "internal_error")
    assert "secret" not in str(body)


def test_the_limit_is_told_with_a_late_answer_too(ask: Callable[..., Given], accept: Memory) -> None:
    accept.limit(10)
    given = ask("/api/v1/track", {"event": "A", "userId": "u"})
    accept.let_go()
    assert said(given)[1]["X-RateLimit-Limit"] == "10"


@pytest.mark.parametrize("returned", [[b"a", b"b"], iter([b"a", b"b"])])
def test_other_answers_are_given_as_they_are_returned(returned: Iterable[bytes]) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("X-A", "b")])
        return returned

    given = Given()
    later._wrap(application, {})(given, {})
    assert given.answers == [(200, {"X-A": "b"}, b"ab")]


@pytest.mark.parametrize("returned", [[b"a"], iter([b"a"])])
def test_nothing_else_is_sent_once_an_answer_was_put_off(returned: Iterable[bytes]) -> None:
    gives: list[later.Give] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        gives.append(environ[later.KEY].postpone())
        start_response("200 OK", [])
        return returned

    given = Given()
    later._wrap(application, {})(given, {})
    assert given.answers == []
    gives[0](503, [], b"later")
    assert given.answers == [(503, {}, b"later")]


def test_a_request_knows_nothing_of_this_processs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_SECRET_KEYS", "secret")
    monkeypatch.setenv("HTTP_X_API_KEY", "a header that nobody sent")
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return [b""]

    later._wrap(application, {})(Given(), {"PATH_INFO": "/"})
    assert seen.keys() & {"OURS_SECRET_KEYS", "HTTP_X_API_KEY"} == set()
    assert seen["PATH_INFO"] == "/"
    assert os.environ["OURS_SECRET_KEYS"] == "secret"
