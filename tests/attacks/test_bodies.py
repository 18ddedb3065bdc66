"""Bodies made to cost much: bombs, floods of keys, depth, digits, and batches of nothing."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from flask.testing import FlaskClient

from ours.bootstrap import Ours

MB = 1024 * 1024


def _post(client: FlaskClient, body: bytes, door: str = "track", **headers: str) -> Any:
    return client.post(f"/api/v1/{door}", data=body, headers={"Content-Type": "application/json", **headers})


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A quarter of a gigabyte of blanks in a quarter of a megabyte; packed once, for it takes a while."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b" " * (16 * MB)) for _ in range(16)) + packer.flush()
    assert len(packed) < MB / 3
    return packed


@pytest.mark.parametrize("door", ["track", "identify", "batch"])
def test_a_bomb_is_refused_for_the_price_of_its_limit(client: FlaskClient, within: Any, door: str, bomb: bytes) -> None:
    tracemalloc.start()
    with within(2):
        answer = _post(client, bomb, door, **{"Content-Encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 40 * MB


def test_a_bomb_in_a_bomb_is_unpacked_once(client: FlaskClient) -> None:
    inner = gzip.compress(gzip.compress(b"{}" * MB))
    assert _post(client, inner, **{"Content-Encoding": "gzip"}).status_code == 400
    assert _post(client, inner, **{"Content-Encoding": "gzip, gzip"}).status_code == 415


def test_many_keys_that_fall_together_cost_no_more_than_others(client: FlaskClient, key: str, within: Any) -> None:
    """Texts hash at random in each process, and JSON has no other keys. So their count is all that is left."""
    flood = {
        "token": key,
        "event": "A",
        "userId": "u",
        "eventProperties": {str(2**61 - 1 + n): 0 for n in range(40_000)},
    }
    with within(2):
        answer = _post(client, json.dumps(flood).encode())
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_fields")


def test_a_flood_of_unknown_keys_is_answered_shortly(client: FlaskClient, key: str, within: Any) -> None:
    flood = {"token": key, "event": "A", "userId": "u"} | {f"k{number}": 1 for number in range(60_000)}
    with within(3):
        answer = _post(client, json.dumps(flood).encode())
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize(
    "body",
    [b"[" * 500_000, b'{"a":' * 150_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' + b"9" * 900_000 + b"}",
     b'{"a":1e' + b"9" * 900_000 + b"}", b'{"a":"' + b"\\ud800" * 150_000 + b'"}', b"[]," * 300_000, b"\x00" * MB],
    ids=["lists", "objects", "deep", "digits", "exponent", "surrogates", "commas", "zeros"],
)  # fmt: skip
def test_what_is_made_to_break_a_reader_is_refused_quickly(client: FlaskClient, within: Any, body: bytes) -> None:
    with within(2):
        assert _post(client, body[: MB - 1]).status_code in {400, 413}


def test_a_batch_of_the_most_rows_that_are_all_wrong_is_answered_within_its_means(
    client: FlaskClient, key: str, within: Any
) -> None:
    body = json.dumps(
        {"token": key, "events": [{"event": ["x"], "distinctId": {}, "userProperties": 7}] * 1000}
    ).encode()
    with within(4):
        answer = _post(client, body, "batch")
    assert (answer.status_code, answer.json["failed"]) == (207, 1000)


def test_headers_without_end_and_forms_without_end_are_refused(client: FlaskClient, here: Ours, within: Any) -> None:
    with within(2):
        assert client.post("/sign-in", data=b"a=b&" * 300_000).status_code in {400, 413}
        assert client.post("/sign-in", data={"email": "x" * 600_000, "password": "y"}).status_code in {400, 413}
        parts = (
            b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' for _ in range(20_000)) + b"--b--"
        )
        answer = client.post("/sign-in", data=parts, content_type="multipart/form-data; boundary=b")
        assert answer.status_code in {400, 413}


def test_a_password_of_a_megabyte_is_not_hashed(client: FlaskClient, here: Ours, within: Any) -> None:
    here.people.add("ada@example.com", "viewer", actor="cli")
    with within(1):
        assert here.people.sign_in("ada@example.com", "x" * MB) is None


def test_a_large_batch_that_may_be_is_taken_all_the_same(client: FlaskClient, key: str) -> None:
    """The limit of forms is not the limit of batches."""
    row = {"event": "A", "userId": "u", "eventProperties": {"text": "x" * 100_000}}
    rows = [row | {"distinctId": f"d-{number}"} for number in range(25)]
    answer = _post(client, json.dumps({"token": key, "events": rows}).encode(), "batch")
    assert (answer.status_code, answer.json["accepted"]) == (200, 25)
