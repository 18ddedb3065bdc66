"""A backend that took an address beside the right one is told the right one, by the whole app."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ours.bootstrap import Ours

EVENT = {"token": "k", "event": "A", "userId": "u"}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/track", "track"), ("/identify", "identify"), ("/batch/", "batch"), ("/v1/track", "track"),
        ("/api/track", "track"), ("/api/v2/track", "track"), ("/api/v1//track", "track"),
        ("/api/v1/track//", "track"), ("/api/v1/api/v1/batch", "batch"), ("/api", None), ("/api/", None),
        ("/api/v1", None), ("/api/v1/", None), ("/api/v1/trak", None), ("/api/v1/track/1", None),
        ("/api/v1/Track", "track"), ("/api/v1/track%20", "track"), ("/API/V1/batch", "batch"),
        ("/v1/page", None), ("/capture/", None), ("/i/v0/e/", None), ("/mp/collect", None),
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
    assert (f" Use /api/v1/{door}." if door else " See /api/v1/openapi.") in answer.get_json()["error"]
    assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["PROPFIND", "LINK", "GET", "DELETE"])
@pytest.mark.parametrize(("door", "allowed"), [("track", "POST"), ("batch/", "POST")])
def test_a_method_that_is_not_answered_is_told_which_is(
    client: FlaskClient, method: str, door: str, allowed: str
) -> None:
    answer = client.open(f"/api/v1/{door}", method=method)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("/v1/batch", "Segment and RudderStack"), ("/v1/page", "Segment and RudderStack"), ("/engage", "Mixpanel"),
        ("/track", "Mixpanel"), ("/batch/", "PostHog and Amplitude"), ("/i/v0/e/", "PostHog"),
        ("/2/httpapi", "Amplitude"), ("/mp/collect", "Google Analytics"), ("/api/s/s2s/track", "Jitsu"),
        ("/com.snowplowanalytics.snowplow/tp2", "Snowplow"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", None])
def test_another_platforms_library_is_told_that_it_is_not_served(
    client: FlaskClient, path: str, whose: str, kind: str | None
) -> None:
    answer = client.post(path, data="{}", content_type=kind)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert f"The libraries of {whose} are not served" in answer.get_json()["error"]


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/metrics"])
def test_an_event_sent_to_what_is_only_read_is_told_where_it_goes(client: FlaskClient, path: str) -> None:
    answer = client.post(path, json=EVENT)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "HEAD"} <= {*answer.headers["Allow"].split(", ")}
    assert answer.get_json()["error"].endswith(" Events go to /api/v1/track.")
    assert client.get(path).status_code != 405


def test_a_page_in_a_browser_that_asks_before_it_sends_is_told_why_it_may_not(client: FlaskClient) -> None:
    answer = client.options("/api/v1/track", headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Send from your backend." in answer.get_json()["error"]


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
