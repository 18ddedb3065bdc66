"""A backend that took an address beside the right one is told the right one, by the whole app."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ours.bootstrap import Ours
from tests.web.show.conftest import _compiled, app  # noqa: F401 - the whole app serves here too

EVENT = {"token": "k", "event": "A", "userId": "u"}


@pytest.fixture
def client(app: Flask) -> FlaskClient:  # noqa: F811
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/track", "track"), ("/identify", "identify"), ("/batch/", "batch"), ("/v1/track", "track"),
        ("/api/track", "track"), ("/api/v2/track", "track"), ("/api/v1//track", "track"),
        ("/api/v1/track//", "track"), ("/api/v1/api/v1/batch", "batch"), ("/api", None), ("/api/", None),
        ("/api/v1", None), ("/api/v1/", None), ("/api/v1/trak", None), ("/api/v1/track/1", None),
        ("/v1/page", None), ("/capture/", None), ("/i/v0/e/", None), ("/mp/collect", None), ("/", None),
    ],
)  # fmt: skip
def test_an_address_beside_the_right_one_is_told_the_right_one(
    client: FlaskClient, path: str, door: str | None
) -> None:
    answer = client.open(path, base_url="http://localhost", method="POST", json=EVENT)
    assert (answer.status_code, answer.content_type, answer.get_json()["code"]) == (
        404,
        "application/json",
        "not_found",
    )
    assert answer.get_json()["success"] is False
    assert answer.get_json()["error"].endswith(f" It is /api/v1/{door}." if door else " See /api/v1/openapi.")
    assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["PROPFIND", "LINK", "GET", "DELETE"])
@pytest.mark.parametrize(("door", "allowed"), [("track", "POST"), ("batch/", "POST")])
def test_a_method_that_is_not_answered_is_told_which_is(
    client: FlaskClient, method: str, door: str, allowed: str
) -> None:
    answer = client.open(f"/api/v1/{door}", method=method)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


def test_no_host_but_the_dashboards_own_hides_it(client: FlaskClient) -> None:
    answer = client.post("/track", json=EVENT, headers={"Host": "events.example.com"})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_people_are_shown_a_page_as_before(client: FlaskClient, here: Ours) -> None:
    for path in ("/track", "/nothing"):
        answer = client.get(path)
        assert answer.status_code in {302, 404}
        assert answer.mimetype == "text/html"
    assert client.post("/nothing").mimetype == "text/html"
    assert "success" not in client.post("/api/admin/v1/nothing").text
