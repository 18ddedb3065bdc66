"""What is checked before any field is read, and in which order."""

import gzip
import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Post = Callable[..., TestResponse]
DOORS = ["track", "identify", "batch"]
EVENT = {"event": "A", "userId": "u"}
GOOD = orjson.dumps({"token": "live-key"} | EVENT)
MEBIBYTE = 1024 * 1024


def told(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json()
    assert body["success"] is False
    assert body["error"].endswith((".", "?"))
    assert answer.content_type == "application/json"
    return answer.status_code, body["code"]


def send(client: FlaskClient, data: Any, door: str = "track", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api/v1/{door}", data=data, headers={"Content-Type": "application/json"} | named)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_405_and_told_what_is_allowed(client: FlaskClient, door: str, method: str) -> None:
    for slash in ("", "/"):
        answer = client.open(f"/api/v1/{door}{slash}", method=method)
        assert told(answer) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "POST"


def test_the_description_is_only_read(client: FlaskClient) -> None:
    answer = client.post("/api/v1/openapi")
    assert (told(answer), answer.headers["Allow"]) == ((405, "method_not_allowed"), "GET, HEAD")


@pytest.mark.parametrize("path", ["trak", "track/1", "experiments/personalization"])
def test_any_other_address_is_a_404_in_the_same_words(client: FlaskClient, path: str) -> None:
    assert told(client.post(f"/api/v1/{path}", data=GOOD)) == (404, "not_found")


@pytest.mark.parametrize("door", DOORS)
def test_a_trailing_slash_is_tolerated(post: Post, door: str) -> None:
    row = EVENT | {"distinctId": "d"}
    assert post(f"{door}/", **row, userProperties={}, events=[row]).status_code == 200


@pytest.mark.parametrize("door", ["track", "identify"])
def test_a_body_beyond_1_mib_is_413_with_the_limit(client: FlaskClient, door: str) -> None:
    answer = send(client, b" " * (MEBIBYTE + 1), door)
    assert told(answer) == (413, "too_large")
    assert answer.get_json()["limit"] == MEBIBYTE
    assert send(client, GOOD + b" " * (MEBIBYTE - len(GOOD))).status_code == 200


def test_a_batch_may_have_5_mib(client: FlaskClient) -> None:
    assert send(client, b" " * (5 * MEBIBYTE), "batch").status_code == 400
    assert send(client, b" " * (5 * MEBIBYTE + 1), "batch").get_json()["limit"] == 5 * MEBIBYTE


def test_the_limit_holds_without_an_announced_length(client: FlaskClient) -> None:
    for size, status in ((MEBIBYTE, 400), (MEBIBYTE + 1, 413)):
        answer = client.post(
            "/api/v1/track",
            input_stream=io.BytesIO(b" " * size),
            environ_overrides={"wsgi.input_terminated": True},
            content_type="application/json",
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json", ""]
)
def test_json_of_any_name_is_taken_and_a_missing_type_too(client: FlaskClient, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert client.post("/api/v1/track", data=GOOD, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonl"]
)
def test_another_type_is_415(client: FlaskClient, kind: str) -> None:
    assert told(send(client, GOOD, Content_Type=kind)) == (415, "unsupported_media_type")


def test_gzip_is_unpacked(client: FlaskClient) -> None:
    for name in ("gzip", " GZIP", "x-gzip"):
        assert send(client, gzip.compress(GOOD), Content_Encoding=name).status_code == 200
    assert send(client, GOOD, Content_Encoding="identity").status_code == 200


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip"])
def test_another_packing_is_415(client: FlaskClient, packing: str) -> None:
    assert told(send(client, GOOD, Content_Encoding=packing)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "data",
    [GOOD, b"", gzip.compress(GOOD)[:-9], gzip.compress(GOOD) + b"x", gzip.compress(GOOD) * 2],
    ids=["unpacked", "empty", "cut", "trailing byte", "two members"],
)
def test_broken_gzip_is_400(client: FlaskClient, data: bytes) -> None:
    assert told(send(client, data, Content_Encoding="gzip")) == (400, "invalid_json")


def test_a_gzip_bomb_is_413(client: FlaskClient) -> None:
    bomb = gzip.compress(b" " * (50 * MEBIBYTE))
    assert told(send(client, bomb, Content_Encoding="gzip")) == (413, "too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"5", b"\xff", b'{"a":NaN}', b'{"a":"\\u0000"}'])
def test_what_is_no_json_object_is_400_before_the_key_is_asked_for(client: FlaskClient, body: bytes) -> None:
    assert told(send(client, body)) == (400, "invalid_json")


def test_a_body_cut_short_is_400(client: FlaskClient) -> None:
    answer = client.post("/api/v1/track", data=GOOD, environ_overrides={"CONTENT_LENGTH": str(len(GOOD) + 5)})
    assert told(answer) == (400, "invalid_json")


def test_the_key_may_come_in_three_ways(client: FlaskClient) -> None:
    bare = orjson.dumps(EVENT)
    assert send(client, bare, Authorization="Bearer live-key").status_code == 200
    assert send(client, bare, Authorization="bearer  live-key ").status_code == 200
    assert send(client, bare, X_API_Key=" live-key").status_code == 200
    assert send(client, orjson.dumps(EVENT | {"token": " live-key\n"})).status_code == 200
    assert send(client, GOOD, Authorization="Bearer live-key", X_API_Key="live-key").status_code == 200
    assert send(client, GOOD, Authorization="Basic bGl2ZTo=").status_code == 200
    for token in (None, "", " "):
        assert send(client, orjson.dumps(EVENT | {"token": token}), X_API_Key="live-key").status_code == 200


def test_a_body_that_is_no_object_is_told_what_it_is(client: FlaskClient) -> None:
    listed, twice = orjson.dumps([EVENT]), orjson.dumps(GOOD.decode())
    assert "goes to /api/v1/batch, as events." in send(client, listed).get_json()["error"]
    assert "encoded as JSON twice" in send(client, twice).get_json()["error"]
    assert send(client, b"5").get_json()["error"] == "The body must be a JSON object."


def test_a_body_whose_first_chunk_is_broken_is_not_called_empty(client: FlaskClient) -> None:
    broken = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}  # the server hands on what it could read
    answer = client.post("/api/v1/track", data=b"", environ_overrides=broken)
    assert told(answer) == (400, "invalid_json")
    assert "its first chunk can't be read" in answer.get_json()["error"]
    broken |= {"wsgi.input": io.BytesIO(b"[object Object]"), "wsgi.input_terminated": True}
    answer = client.post("/api/v1/track", environ_overrides=broken)
    assert "JSON.stringify" in answer.get_json()["error"]


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_a_body_in_chunks_that_is_one_byte_too_large_is_not_cut(client: FlaskClient, more: int, status: int) -> None:
    sent = {"wsgi.input": io.BytesIO(GOOD.ljust(MEBIBYTE + more)), "wsgi.input_terminated": True}
    in_chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert client.post("/api/v1/track", environ_overrides=sent | in_chunks).status_code == status


def test_a_key_as_basic_authorization_is_told_where_it_goes(client: FlaskClient) -> None:
    answer = send(client, orjson.dumps(EVENT), Authorization="Basic bGl2ZTo=")
    assert told(answer) == (401, "missing_key")
    assert "Basic is not read" in answer.get_json()["error"]


@pytest.mark.parametrize("field", ["writeKey", "api_key", "apiKey", "api_secret"])
def test_a_key_under_another_platforms_name_is_told_where_it_goes(client: FlaskClient, field: str) -> None:
    answer = send(client, orjson.dumps(EVENT | {field: "live-key"}))
    assert told(answer) == (401, "missing_key")
    assert answer.get_json()["error"].startswith(f"No key was sent. {field} is not read. Send it as token, ")


@pytest.mark.parametrize("token", [None, "", "  "])
def test_an_empty_token_beside_another_platforms_name_hides_no_hint(client: FlaskClient, token: str | None) -> None:
    answer = send(client, orjson.dumps(EVENT | {"token": token, "api_key": "live-key"}))
    assert answer.get_json()["error"].startswith("No key was sent. api_key is not read. ")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": "live-key"}, "Authorization without Bearer"),
        ({"Authorization": "live-key x"}, "Authorization without Bearer"),
        ({"Authorization": "livekey x"}, "Authorization without Bearer"),
        ({"Authorization": "Token live-key"}, "Authorization: Token"),
        ({"Api-Key": "live-key"}, "Api-Key"),
        ({"X-Write-Key": "live-key"}, "X-Write-Key"),
    ],
)
def test_a_key_in_another_platforms_header_is_told_where_it_goes_and_not_repeated(
    client: FlaskClient, headers: dict[str, str], said: str
) -> None:
    answer = client.post("/api/v1/track", json=EVENT, headers=headers)
    assert told(answer) == (401, "missing_key")
    assert answer.get_json()["error"].startswith(f"No key was sent. {said} is not read. ")
    assert "live-key" not in answer.text


def test_a_key_in_the_address_or_among_the_properties_is_told_where_it_goes(client: FlaskClient) -> None:
    answer = client.post("/api/v1/track?verbose=1&api_key=live-key", json=EVENT)
    assert answer.get_json()["error"].startswith("No key was sent. ?api_key= is not read. ")
    answer = client.post("/api/v1/track", json=EVENT | {"properties": {"token": "live-key", "distinct_id": "u"}})
    assert answer.get_json()["error"].startswith("No key was sent. properties.token is not read. ")


@pytest.mark.parametrize("token", [None, "", "  "])
def test_no_key_is_401(client: FlaskClient, token: Any) -> None:
    answer = send(client, orjson.dumps({"token": token}))
    assert told(answer) == (401, "missing_key")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["unknown", 5, True, ["live-key"], "live-keyé", "x" * 10_000])
def test_an_unknown_key_is_401_and_is_not_repeated(post: Post, accept: Any, token: Any) -> None:
    answer = post("track", **EVENT, token=token)
    assert told(answer) == (401, "invalid_key")
    assert "live-key" not in answer.text
    assert accept.refused == 0


def test_keys_that_differ_are_401(client: FlaskClient) -> None:
    assert told(send(client, GOOD, Authorization="Bearer other")) == (401, "conflicting_keys")
    assert told(send(client, GOOD, X_API_Key="other")) == (401, "conflicting_keys")
    assert told(send(client, b"{}", X_API_Key="a", Authorization="Bearer b")) == (401, "conflicting_keys")


def test_the_checks_come_in_their_order(client: FlaskClient, accept: Any) -> None:
    accept.limit(1)
    large = b"x" * (MEBIBYTE + 1)
    assert told(client.get("/api/v1/track", data=large)) == (405, "method_not_allowed")
    assert told(send(client, large, Content_Type="text/plain")) == (413, "too_large")
    assert told(send(client, b"x", Content_Type="text/plain")) == (415, "unsupported_media_type")
    assert told(send(client, b"x")) == (400, "invalid_json")
    assert told(send(client, b"{}")) == (401, "missing_key")
    assert told(send(client, b'{"token": "live-key"}')) == (400, "invalid_fields")
    assert told(send(client, b'{"token": "live-key"}')) == (429, "rate_limited")


def test_a_limit_is_shown_on_every_2xx_and_refuses_with_429(post: Post, accept: Any) -> None:
    accept.limit(2)
    first, second, third = (post("track", **EVENT) for _ in range(3))
    assert [first.headers["X-RateLimit-Remaining"], second.headers["X-RateLimit-Remaining"]] == ["1", "0"]
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Reset"]) == ("2", "1")
    assert told(third) == (429, "rate_limited")
    assert third.headers["Retry-After"] == "1"
    assert (len(accept.items), accept.refused) == (2, 1)


def test_a_limit_is_shown_on_a_207_too(post: Post, accept: Any) -> None:
    accept.limit(2)
    answer = post("batch", events=[{}])
    assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (207, "2")


def test_without_a_limit_none_is_shown(post: Post) -> None:
    assert not [name for name, _ in post("track", **EVENT).headers if name.startswith("X-RateLimit")]
