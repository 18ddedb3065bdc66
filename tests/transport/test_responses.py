"""What a plugin gets to read."""

import gzip
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests

from ours.core.answer import Answer
from ours.plugin import retry_after
from ours.transport import CappedResponse, Transport
from tests.receiver import Receiver

Read = Callable[[], CappedResponse]


@pytest.fixture
def read(receiver: Receiver, send: Callable[..., Answer]) -> Read:
    """The response to one request."""

    def reading() -> CappedResponse:
        response = send(receiver.url).response
        assert isinstance(response, CappedResponse)
        return response

    return reading


def test_it_is_the_response_that_everybody_knows(receiver: Receiver, read: Read) -> None:
    receiver.answer(404, body='{"é": 1}'.encode(), headers={"Content-Type": "application/json", "X-A": "1"})
    response = read()
    assert (response.status_code, response.reason, response.ok) == (404, "Not Found", False)
    assert response.json() == {"é": 1}
    assert response.headers["x-a"] == "1"
    assert response.url == response.request.url == f"{receiver.url}/"
    assert response.elapsed.total_seconds() > 0
    assert b"".join(response.iter_content(3)) == response.content


def test_the_text_is_decoded_as_the_header_says(receiver: Receiver, read: Read) -> None:
    receiver.answer(body="é".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})
    assert read().text == "é"


def test_redirects_are_not_followed(receiver: Receiver, read: Read) -> None:
    receiver.answer(302, headers={"Location": f"{receiver.url}/elsewhere"})
    response = read()
    assert (response.status_code, response.headers["Location"]) == (302, f"{receiver.url}/elsewhere")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(("size", "truncated"), [(65_536, False), (65_537, True), (3_000_000, True)])
def test_a_body_is_read_up_to_the_limit(receiver: Receiver, read: Read, size: int, truncated: bool) -> None:
    receiver.answer(body=b"x" * size)
    response = read()
    assert (response.status_code, len(response.content), response.truncated) == (200, 65_536, truncated)


@pytest.mark.parametrize(("events", "limit"), [(1, 65_536), (2, 66_560), (1_000, 1_088_512)])
def test_of_an_answer_to_many_events_more_is_read(
    receiver: Receiver, send: Callable[..., Answer], transport: Transport, events: int, limit: int
) -> None:
    receiver.answer(body=b"x" * 2_000_000)
    transport.submit("it", requests.Request("POST", receiver.url, data=b"x").prepare(), events=events)
    (answer,) = transport.wait(10)
    assert answer.response is not None
    assert len(answer.response.content) == limit
    again = send(receiver.url).response
    assert again is not None
    assert len(again.content) == 65_536


def test_a_compressed_body_is_left_as_it_is(receiver: Receiver, read: Read) -> None:
    packed = gzip.compress(b"hello")
    receiver.answer(body=packed, headers={"Content-Encoding": "gzip"})
    assert read().content == packed
    assert "Accept-Encoding" not in receiver.requests[0].headers


def test_a_repeated_header_is_joined_by_commas(receiver: Receiver, read: Read) -> None:
    receiver.answer(raw=b"HTTP/1.1 200 OK\r\nx-limit: 1\r\nX-Limit:  2 \r\nContent-Length: 0\r\n\r\n")
    assert read().headers["X-LIMIT"] == "1, 2"


def test_interim_answers_and_trailers_are_left_out(receiver: Receiver, read: Read) -> None:
    receiver.answer(
        raw=b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\nX-Trailer: b\r\n\r\n"
    )
    response = read()
    assert (response.status_code, response.reason, response.text) == (200, "", "hi")
    assert not {"Link", "X-Trailer"} & set(response.headers)


def test_sloppy_line_ends_are_understood(receiver: Receiver, read: Read) -> None:
    receiver.answer(raw=b"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nhi")
    response = read()
    assert (response.text, response.headers["X-A"]) == ("hi", "1")


def test_an_answer_without_a_date_gets_one(receiver: Receiver, read: Read) -> None:
    receiver.answer(503, headers={"Retry-After": "Wed, 01 Jan 2200 00:00:00 GMT"})
    response = read()
    assert parsedate_to_datetime(response.headers["Date"]).tzinfo is not None
    assert retry_after(response) == 86_400


def test_a_date_of_its_own_is_kept(receiver: Receiver, read: Read) -> None:
    date = "Mon, 23 Nov 2026 08:00:00 GMT"
    receiver.answer(headers={"Date": date})
    assert read().headers["Date"] == date
