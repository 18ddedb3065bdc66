"""What was meant for another address of the API, or sent in another shape, is told where it belongs, and how."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.ingest.conftest import LIVE

EVENT: dict[str, Any] = {"event": "A", "userId": "u"}
FACTS: dict[str, Any] = {"userId": "u", "userProperties": {"city": "Bern"}}
ROWS: dict[str, Any] = {"events": [EVENT | {"distinctId": "1"}]}
BATCH = "A list of events goes to /api/v1/batch, as events."
TRACK = "A single event goes to /api/v1/track."
IDENTIFY = "Properties of a visitor, without an event, go to /api/v1/identify."


@pytest.mark.parametrize(
    ("door", "body", "said"),
    [
        ("track", ROWS, f"event: This field is required. {BATCH}"),
        ("track", {"batch": ROWS["events"]}, f"event: This field is required. {BATCH}"),
        ("identify", ROWS, f"userProperties: This field is required. {BATCH}"),
        ("track", FACTS, f"event: This field is required. {IDENTIFY}"),
        ("track", {"userId": "u", "traits": {}}, f"event: This field is required. {IDENTIFY}"),
        ("batch", FACTS, f"events: This field is required. {IDENTIFY}"),
        ("batch", EVENT, f"events: This field is required. {TRACK}"),
        ("identify", EVENT, f"userProperties: This field is required. {TRACK}"),
        ("track", {"userId": "u", "eventProperties": {"a": 1}}, "event: This field is required."),
    ],
)
def test_a_body_that_was_meant_for_another_address_is_told_which(
    client: FlaskClient, door: str, body: dict[str, Any], said: str
) -> None:
    answer = client.post(f"/api/v1/{door}", json={"token": LIVE} | body)
    assert (answer.status_code, answer.get_json()["error"]) == (400, said)


def test_a_row_that_is_no_event_is_told_where_it_goes(client: FlaskClient) -> None:
    rows = [
        FACTS | {"distinctId": "1"},
        {"event": "$identify", "userId": "u", "distinctId": "2"},
        {"event": "A"} | FACTS,
    ]
    answer = client.post("/api/v1/batch", json={"token": LIVE, "events": rows}).get_json()
    assert [one["message"] for one in answer["results"]] == [
        f"event: This field is required. {IDENTIFY}",
        "event: Must not be $identify: send that to /api/v1/identify.",
        "distinctId: This field is required.",
    ]


@pytest.mark.parametrize(
    ("door", "body", "field", "said"),
    [
        ("identify", FACTS | {"event": "A"}, "event", TRACK),
        ("track", EVENT | ROWS, "events", BATCH),
        ("batch", ROWS | {"event": "A"}, "event", TRACK),
    ],
)
def test_an_event_that_is_not_taken_beside_what_is_is_told_where_it_goes(
    client: FlaskClient, door: str, body: dict[str, Any], field: str, said: str
) -> None:
    answer = client.post(f"/api/v1/{door}", json={"token": LIVE} | body)
    assert answer.status_code == 200
    warnings = {one["field"]: (one["code"], one["message"]) for one in answer.get_json()["warnings"]}
    assert warnings[field] == ("wrong_address", f"This endpoint does not read this field, so it was ignored. {said}")


def test_nobody_and_what_else_is_missing_are_said_in_one_breath(client: FlaskClient) -> None:
    answer = client.post("/api/v1/track", json={"token": LIVE}).get_json()
    assert answer["error"] == (
        "No identifier was sent. Send at least one of userId, externalId and email. event: This field is required."
    )


@pytest.mark.parametrize("key", [f"Bearer {LIVE}", f'"{LIVE}"', "{{KEY}}", "$OURS_KEY", "<key>"])
def test_a_key_with_something_around_it_is_told_so(client: FlaskClient, key: str) -> None:
    answer = client.post("/api/v1/track", json=EVENT | {"token": key})
    assert answer.status_code == 401
    assert " What was sent is more than a key: " in answer.get_json()["error"]


def test_a_key_that_stands_in_the_rows_alone_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/api/v1/batch", json={"events": [EVENT | {"distinctId": "1", "token": LIVE}]})
    assert answer.get_json()["error"].startswith("No key was sent. events.token is not read. ")


def test_where_no_row_has_one_either_nothing_is_said_of_them(client: FlaskClient) -> None:
    answer = client.post("/api/v1/batch", json={"events": [EVENT | {"distinctId": "1"}]})
    assert answer.get_json()["error"].startswith("No key was sent. Send it as ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{'event': 'A'}", "Names and strings need double quotes, which a shell may have removed"),
        ("{event: A}", "Names and strings need double quotes, which a shell may have removed"),
        ("'{", "It begins with a single quote: cmd.exe on Windows only knows double quotes"),
        ("[object Object]", "It is a JavaScript object: send the result of JSON.stringify"),
        ('{"event": "A"}\n{"event": "B"}', "Send one object; many events go to /api/v1/batch"),
        ("token=k&event=A", "It looks like form data"),
    ],
)
def test_what_is_no_json_is_told_what_it_looks_like(client: FlaskClient, body: str, said: str) -> None:
    answer = client.post("/api/v1/track", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].endswith(f" {said}.")


def test_a_form_is_told_how_curl_sends_json(client: FlaskClient) -> None:
    answer = client.post("/api/v1/track", data="{}", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    assert answer.get_json()["error"].endswith(" sends without -H 'Content-Type: application/json'.")
