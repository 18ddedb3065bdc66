"""What several proxies in front write of a request, each in its own way."""

from collections.abc import Callable

import pytest
from flask import request

from ours.bootstrap import Ours
from ours.settings import Settings
from ours.web import create_app

EDGE = "10.0.0.1"
CALLER = "203.0.113.9"
WRITTEN = {
    "all add": {"For": f"{CALLER}, {EDGE}", "Proto": "https, http", "Host": "ours.example.com, inner"},
    "the inner one passes on": {"For": f"{CALLER}, {EDGE}", "Proto": "https", "Host": "ours.example.com"},
    "a caller pretends": {
        "For": f"1.2.3.4, {CALLER}, {EDGE}",
        "Proto": "http, https, http",
        "Host": "evil.example.com, ours.example.com, inner",
    },
    "past the outer one": {"For": CALLER, "Proto": "https", "Host": "ours.example.com"},
}  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_behind_two_proxies_a_caller_is_who_the_outer_one_says(
    here: Ours, make_settings: Callable[..., Settings], written: dict[str, str]
) -> None:
    here.settings = make_settings(trusted_proxies=2, allowed_hosts="ours.example.com")
    app, seen = create_app(here), []
    app.before_request(lambda: seen.append((request.remote_addr, request.url_root)))
    answer = app.test_client().get("/sign-in", headers={f"X-Forwarded-{name}": one for name, one in written.items()})
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert seen == [(CALLER, "https://ours.example.com/")]


def test_a_proxy_that_says_nothing_is_who_asks(here: Ours, make_settings: Callable[..., Settings]) -> None:
    here.settings = make_settings(trusted_proxies=2)
    app, seen = create_app(here), []
    app.before_request(lambda: seen.append((request.remote_addr, request.url_root)))
    app.test_client().get("/sign-in", headers={"X-Forwarded-For": "", "X-Forwarded-Proto": ","})
    assert seen == [("127.0.0.1", "http://localhost/")]
