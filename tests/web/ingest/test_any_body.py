"""Whatever is posted: it is taken and can be stored, or the answer is a clear 4xx."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS
from ours.web.ingest.schemas import BATCH_ROW, IDENTIFY_BODY, TRACK_BODY

Post = Callable[..., TestResponse]
calm = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    | st.sampled_from(["", " ", "a@b.co", "$identify", "+15550100000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3),
    max_leaves=6,
)


def bodies(names: frozenset[str]) -> st.SearchStrategy[dict[str, Any]]:
    known = st.sampled_from(sorted(names - {"token"}))
    facts = st.sampled_from(
        ["email", "firstName", "phone_number", "custom_properties", "consent", "plan", "duration", "fv"]
    )
    return st.dictionaries(known, anything | st.dictionaries(facts, anything, max_size=4), max_size=7)


def send(client: FlaskClient, door: str, body: dict[str, Any]) -> TestResponse:
    data = json.dumps({"token": "live-key"} | body).encode()
    return client.post(f"/api/v1/{door}", data=data, content_type="application/json")


@calm
@given(body=bodies(TRACK_BODY.names | {"colour"}))
def test_an_event_of_anything_is_taken_or_refused_clearly(
    client: FlaskClient, accept: Any, body: dict[str, Any]
) -> None:
    check(send(client, "track", body), accept)


@calm
@given(body=bodies(IDENTIFY_BODY.names))
def test_an_identify_of_anything_is_taken_or_refused_clearly(
    client: FlaskClient, accept: Any, body: dict[str, Any]
) -> None:
    check(send(client, "identify", body), accept)


@calm
@given(rows=st.lists(bodies(BATCH_ROW.names) | anything, max_size=5))
def test_rows_of_anything_are_each_taken_or_refused_clearly(client: FlaskClient, accept: Any, rows: list[Any]) -> None:
    answer = send(client, "batch", {"events": rows})
    if not rows:
        assert answer.status_code == 400
        return
    results = answer.get_json()["results"]
    assert [one["index"] for one in results] == [*range(len(rows))]
    assert all(one["success"] or (one["code"] in ROW_PROBLEMS and one["message"]) for one in results)
    assert answer.status_code == (200 if all(one["success"] for one in results) else 207)
    assert accept.items == [] or orjson.dumps([item.payload() for item in accept.items])


def check(answer: TestResponse, accept: Any) -> None:
    body = answer.get_json()
    if answer.status_code == 200:
        assert body["success"] is True
        orjson.dumps([item.payload() for item in accept.items])
        return
    assert answer.status_code == 400
    assert (body["success"], body["code"]) == (False, "invalid_fields")
    assert all(path and texts for path, texts in body["errors"].items())


@calm
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_clearly(client: FlaskClient, data: bytes) -> None:
    for encoding in ("", "gzip"):
        answer = client.post("/api/v1/track", data=data, headers={"Content-Encoding": encoding})
        assert answer.status_code in {400, 401}
        assert PROBLEMS[answer.get_json()["code"]].status == answer.status_code


ODD = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "1" + "0" * 400, "18446744073709551616", "nul", "01", "[1,]"),
    *(r'"\u0000"', r'"\ud800"', r'"\udc00\ud800"', '"\x01"', '"\udcff"', '""', '{"a":1,"a":2}', '{"":1}', "[" * 1100),
]
tokens = st.sampled_from(ODD) | anything.map(json.dumps)
texts = st.recursive(
    tokens,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(["a", "a", "", r"\u0000", r"\ud800", "event"]), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
        )
    ),
    max_leaves=5,
)


@calm
@given(
    field=st.sampled_from(sorted(TRACK_BODY.names - {"token"})), text=texts, door=st.sampled_from(["track", "identify"])
)
def test_json_of_any_kind_is_taken_exactly_or_refused_clearly(
    client: FlaskClient, accept: Any, field: str, text: str, door: str
) -> None:
    """Not-quite-JSON, numbers and text beyond what JSON can mean, repeated keys: each inside an otherwise good body."""
    data = f'{{"token":"live-key","event":"A","userId":"u","userProperties":{{}},"{field}":{text}}}'
    answer = client.post(f"/api/v1/{door}", data=data.encode(errors="surrogateescape"))
    body = answer.get_json()
    if answer.status_code == 200:
        orjson.dumps([item.payload() for item in accept.items])
        assert not any(odd in text for odd in ("NaN", "Infinity", "nul,", "\udcff"))
        left = json.dumps(json.loads(text))  # of a key that comes twice, the last value
        assert not any(odd in left for odd in ("Infinity", r"\u0000", r"\ud800"))
    else:
        assert answer.status_code == 400
        assert body["code"] in {"invalid_json", "invalid_fields"}
        assert body["error"].endswith(".")


def test_of_a_repeated_key_the_last_one_counts(client: FlaskClient, accept: Any) -> None:
    data = b'{"token":"live-key","event":"A","event":"B","userId":"u","eventProperties":{"a":1,"a":2}}'
    assert client.post("/api/v1/track", data=data).status_code == 200
    [item] = accept.items
    assert (item.name, item.event_properties) == ("B", {"a": 2})


@pytest.mark.parametrize(
    "bag",
    [
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"a":"' + b"x" * 1_000_000 + b'"}',
    ],
)
def test_deep_and_huge_bags_are_taken_or_refused_by_name(client: FlaskClient, accept: Any, bag: bytes) -> None:
    for field in ("eventProperties", "userProperties", "defaultProperties", "time", "event", "colour"):
        data = b'{"token":"live-key","userId":"u","event":"A","%b":%b}' % (field.encode(), bag)
        answer = client.post("/api/v1/track", data=data)
        assert answer.status_code in {200, 400}
        assert answer.status_code == 200 or all(path.startswith(field) for path in answer.get_json()["errors"])
