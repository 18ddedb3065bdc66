"""What the vendor's client must be able to do with us, whatever its version.

``test_clients.py`` runs this file against a live server, once for each version; the environment says where and with
which keys.
"""

import asyncio
import os
import socket
import struct
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import ours_privacy
import pytest
import requests
from ours_privacy import AsyncOursPrivacy, OursPrivacy
from ours_privacy.types import batch_create_params, track_event_params, visitor_upsert_params

from tests.receiver import Received, Receiver, Script

VERSION = os.environ["CLIENT_VERSION"]
URL, FULL_URL = os.environ["CLIENT_URL"], os.environ["CLIENT_FULL_URL"]
KEY, TEST_KEY, LIMITED_KEY = (os.environ[f"CLIENT_{name}"] for name in ("KEY", "TEST_KEY", "LIMITED_KEY"))
ROWS = 1000
FIELDS = {"1.33.0": (66, 80), "2.1.0": (68, 82)}
KINDS: dict[Any, Any] = {
    str: "5550100",
    float: 2.5,
    int: 2,
    bool: True,
    dict: {"a": 1},
    Mapping: {"a": 1},
    object: "any",
}


class Lossy(Receiver):
    """Passes requests on, and loses the first answers on their way back: the connection breaks."""

    def __init__(self, lose: int) -> None:
        super().__init__()
        self._lose = lose
        self.events: list[dict[str, Any]] = []

    def record(self, received: Received) -> Script:
        super().record(received)
        url = URL.removesuffix("/api/v1") + received.path
        headers = {"Content-Type": received.headers["Content-Type"]}
        answer = requests.post(url, data=received.body, headers=headers, timeout=30)
        self.events.append(answer.json())
        return Script(answer.status_code, {}, answer.content, reset=len(self.events) <= self._lose)


@pytest.fixture
def client() -> Iterator[OursPrivacy]:
    with OursPrivacy(base_url=URL, max_retries=0) as opened:
        yield opened


def own(name: str) -> str:
    """A distinctId that no other version sends."""
    return f"{VERSION}-{name}"


def value_of(annotation: Any) -> Any:
    """Something that a field of this type may hold."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return value_of(typing.get_args(annotation)[0])
    return KINDS[typing.get_origin(annotation) or annotation]


def everything(group: Any) -> dict[str, Any]:
    """A value for each field of one of the client's groups of properties."""
    values = {name: value_of(kind) for name, kind in typing.get_type_hints(group).items()}
    return values | ({"email": "everything@example.com"} if "email" in values else {})


def test_it_is_the_version_that_was_asked_for() -> None:
    assert ours_privacy.__version__ == VERSION


def test_every_field_that_the_client_knows_is_known_here(client: OursPrivacy) -> None:
    user, default = everything(track_event_params.UserProperties), everything(track_event_params.DefaultProperties)
    assert (len(user), len(default)) == FIELDS[VERSION]
    raw = client.track.with_raw_response.event(
        token=KEY,
        event="Everything",
        user_id="everything",
        external_id=user["external_id"],  # two that differ are told of
        email="everything@example.com",
        distinct_id=own("everything-1"),
        time=None,
        event_properties={"nested": {"list": [1, 2.5, None, True, "é"]}},
        user_properties=user,  # type: ignore[arg-type]
        default_properties=default,  # type: ignore[arg-type]
        identity_context={"ip": "203.0.113.7", "user_agent": "Mozilla/5.0"},
    )
    answer = raw.http_response.json()
    assert (answer["success"], answer["distinctId"]) == (True, own("everything-1"))
    assert "warnings" not in answer


def test_the_other_methods_know_the_same_fields(client: OursPrivacy) -> None:
    identified = client.visitor.with_raw_response.upsert(
        token=KEY,
        user_id="everything",
        user_properties=everything(visitor_upsert_params.UserProperties),  # type: ignore[arg-type]
        default_properties=everything(visitor_upsert_params.DefaultProperties),  # type: ignore[arg-type]
    )
    assert identified.http_response.json() == {"success": True}
    row = {
        "event": "Everything",
        "distinct_id": own("everything-2"),
        "user_id": "everything",
        "user_properties": everything(batch_create_params.EventUserProperties),
        "default_properties": everything(batch_create_params.EventDefaultProperties),
        "identity_context": {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0"},
    }
    answer = client.batch.with_raw_response.create(token=KEY, events=[row]).http_response.json()  # type: ignore[list-item]
    assert (answer["accepted"], answer["results"][0]["warnings"]) == (1, [])


def test_a_batch_tells_each_rows_fate(client: OursPrivacy) -> None:
    rows: list[Any] = [
        {"event": "Row", "distinct_id": own("row-1"), "user_id": "u"},
        {"event": "Row", "distinct_id": own("row-2")},
        {"event": "Row", "distinct_id": own("row-1"), "user_id": "u"},
    ]
    taken = client.batch.create(token=TEST_KEY, events=rows)
    assert (taken.success, taken.accepted, taken.failed) == (True, 2, 1)
    assert [(one.index, one.success) for one in taken.results] == [(0, True), (1, False), (2, True)]
    assert taken.results[1].code == "invalid_event"
    assert "userId" in str(taken.results[1].message)
    nothing = client.batch.create(token=TEST_KEY, events=rows[1:2])
    assert (nothing.success, nothing.accepted, nothing.failed) == (False, 0, 1)


def test_raw_and_streamed_answers(client: OursPrivacy) -> None:
    raw = client.track.with_raw_response.event(token=TEST_KEY, event="Raw", user_id="u", distinct_id=own("raw-1"))
    assert (raw.status_code, raw.parse().success) == (200, True)
    with client.track.with_streaming_response.event(
        token=TEST_KEY, event="Raw", user_id="u", distinct_id=own("raw-1")
    ) as told:
        assert told.json()["duplicate"] is True


def test_the_async_client_has_every_method() -> None:
    async def send() -> list[Any]:
        async with AsyncOursPrivacy(base_url=URL, max_retries=0) as client:
            tracks = [
                client.track.event(token=TEST_KEY, event="Async", user_id="u", distinct_id=own(f"a{n}"))
                for n in range(10)
            ]
            rows: list[Any] = [{"event": "Async", "user_id": "u", "distinct_id": own("a10")}]
            return await asyncio.gather(
                *tracks,
                client.visitor.upsert(token=TEST_KEY, user_id="u", user_properties={"city": "Oslo"}),
                client.batch.create(token=TEST_KEY, events=rows),
                client.track.event(token="nonsense", event="Async", user_id="u"),
                return_exceptions=True,
            )

    *taken, refused = asyncio.run(send())
    assert [answer.success for answer in taken] == [True] * 12
    assert isinstance(refused, ours_privacy.AuthenticationError)


GOOD = {"token": TEST_KEY, "event": "Typed", "user_id": "u"}


@pytest.mark.parametrize(
    ("error", "status", "code", "changes"),
    [
        (ours_privacy.BadRequestError, 400, "invalid_fields", {"event": ""}),
        (ours_privacy.BadRequestError, 400, "invalid_fields", {"user_id": None}),
        (ours_privacy.AuthenticationError, 401, "invalid_key", {"token": "nonsense"}),
        (ours_privacy.AuthenticationError, 401, "missing_key", {"token": ""}),
        (ours_privacy.AuthenticationError, 401, "conflicting_keys", {"extra_headers": {"X-API-Key": "other"}}),
        (ours_privacy.APIStatusError, 413, "too_large", {"event_properties": {"a": "x" * 1024 * 1024}}),
        (ours_privacy.APIStatusError, 415, "unsupported_media_type", {"extra_headers": {"Content-Type": "text/plain"}}),
    ],
)
def test_a_mistake_raises_its_typed_error_with_our_sentence(
    client: OursPrivacy, error: type[ours_privacy.APIStatusError], status: int, code: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(error) as raised:
        client.track.event(**GOOD | changes)  # type: ignore[arg-type]
    body: Any = raised.value.body
    assert (raised.value.status_code, body["code"], body["success"]) == (status, code, False)
    assert body["error"].endswith((".", "?"))
    if status == 413:
        assert body["limit"] == 1024 * 1024


def test_other_addresses_methods_and_sizes_have_their_errors(client: OursPrivacy) -> None:
    with pytest.raises(ours_privacy.NotFoundError), OursPrivacy(base_url=f"{URL}/v2", max_retries=0) as lost:
        lost.track.event(**GOOD)  # type: ignore[arg-type]
    with pytest.raises(ours_privacy.APIStatusError) as method:
        client.get("/track", cast_to=object)
    assert (method.value.status_code, method.value.response.headers["Allow"]) == (405, "POST")
    with pytest.raises(ours_privacy.APIStatusError) as large:
        client.batch.create(token=TEST_KEY, events=[{"event": "A", "distinct_id": "d"}] * (ROWS + 1))
    body: Any = large.value.body
    assert (large.value.status_code, body["code"], body["limit"]) == (413, "too_many_rows", ROWS)


def test_too_fast_is_a_rate_limit_error_and_the_clients_own_retries_get_through(client: OursPrivacy) -> None:
    limited = {"token": LIMITED_KEY, "event": "Limited", "user_id": "u"}
    with pytest.raises(ours_privacy.RateLimitError) as raised:  # noqa: PT012
        for _ in range(20):
            client.track.event(**limited)  # type: ignore[arg-type]
    assert int(raised.value.response.headers["Retry-After"]) >= 1
    assert client.with_options(max_retries=5).track.event(**limited).success  # type: ignore[arg-type]


def test_what_can_not_be_made_durable_is_a_server_error_to_try_again() -> None:
    with OursPrivacy(base_url=FULL_URL, max_retries=0) as client:
        with pytest.raises(ours_privacy.InternalServerError) as raised:
            client.track.event(**GOOD | {"token": os.environ["CLIENT_FULL_KEY"]})  # type: ignore[arg-type]
        assert raised.value.status_code == 503
        assert int(raised.value.response.headers["Retry-After"]) >= 1
        with pytest.raises(ours_privacy.InternalServerError) as raised:
            client.batch.create(
                token=os.environ["CLIENT_FULL_KEY"], events=[{"event": "A", "distinct_id": "d", "user_id": "u"}]
            )
        body: Any = raised.value.body
        assert [one["code"] for one in body["results"]] == ["queue_failed"]


def test_retries_after_lost_answers_make_no_second_event() -> None:
    """The client sends again by itself, with the same distinctId: the second answer tells of the first event."""
    with Lossy(2) as road, OursPrivacy(base_url=f"{road.url}/api/v1", max_retries=3) as client:
        answer = client.track.event(token=KEY, event="Lost", user_id="u", distinct_id=own("lost-1"))
        assert answer.success
        assert len(road.requests) == 3
    assert len({event["eventId"] for event in road.events}) == 1
    assert [event.get("duplicate", False) for event in road.events] == [False, True, True]
    assert not any("warnings" in event for event in road.events)


def test_async_retries_of_a_lost_batch_make_no_second_event() -> None:
    rows: list[Any] = [{"event": "Lost", "user_id": "u", "distinct_id": own(f"lost-batch-{n}")} for n in range(5)]

    async def send(url: str) -> Any:
        async with AsyncOursPrivacy(base_url=f"{url}/api/v1", max_retries=2) as client:
            return await client.batch.create(token=KEY, events=rows)

    with Lossy(1) as road:
        answer = asyncio.run(send(road.url))
    assert (answer.accepted, len(road.requests)) == (5, 2)
    first, second = (event["results"] for event in road.events)
    assert [one["eventId"] for one in first] == [one["eventId"] for one in second]
    assert [one["duplicate"] for one in first + second] == [False] * 5 + [True] * 5


def test_a_connection_that_breaks_before_us_is_a_connection_error() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        url = f"http://127.0.0.1:{door.getsockname()[1]}/api/v1"
        with pytest.raises(ours_privacy.APIConnectionError), OursPrivacy(base_url=url, max_retries=0) as client:
            client.track.event(**GOOD)  # type: ignore[arg-type]
