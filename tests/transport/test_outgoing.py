"""Nothing can be smuggled into a request."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from ours.core.answer import Answer
from ours.transport import Transport
from ours.transport.outgoing import Unsendable, check
from tests.receiver import Receiver


def tampered(**parts: object) -> requests.PreparedRequest:
    """A request as a plugin could spoil it after ``prepare()``, which checks less."""
    request = requests.Request("POST", "http://127.0.0.1/", data="x").prepare()
    for name, value in parts.items():
        setattr(request, name, value)
    return request


def headed(name: str, value: str) -> requests.PreparedRequest:
    request = tampered()
    request.headers[name] = value
    return request


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://someone@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://someone:secret@example.com/",
        "http://example.com/a b",
        "http://example.com/\r\nX-Evil: 1",
        "http://exam\nple.com/",
        "http://example.com/é",
        "http\u017f://example.com/",
        "http://example.com/\x00",
    ],
)
def test_a_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(Unsendable, match="URL must be"):
        check(tampered(url=url))


@pytest.mark.parametrize("url", ["HTTP://EXAMPLE.com", "https://xn--bcher-kva.example:8443/@a?b=@c", "http://[::1]:1/"])
def test_a_plain_url_is_taken_as_it_is(url: str) -> None:
    assert check(tampered(url=url)).url == url


@pytest.mark.parametrize("method", ["", "PO ST", "POST / HTTP/1.1\r\nX: 1\r\n\r\nGET", "GET\n"])
def test_a_method_is_one_word(method: str) -> None:
    with pytest.raises(Unsendable, match="method"):
        check(tampered(method=method))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "1\r\nX-Evil: 2"),
        ("X-A", "1\nX-Evil: 2"),
        ("X-A", "1\x00"),
        ("X-A", "€"),
        ("X-A\r\nX-Evil", "1"),
        ("X-A: 1\r\nX-Evil", "1"),
        ("X-A:", "1"),
        ("X A", "1"),
        ("", "1"),
    ],
)
def test_a_header_that_holds_more_than_itself_is_refused(name: str, value: str) -> None:
    with pytest.raises(Unsendable, match="header"):
        check(headed(name, value))


def test_the_framing_of_the_body_is_not_the_plugins(receiver: Receiver, send: Callable[..., Answer]) -> None:
    with pytest.raises(Unsendable, match="Transfer-Encoding"):
        check(headed("Transfer-Encoding", "chunked"))
    send(receiver.url, headers={"Content-Length": "99"}, data="four")
    assert receiver.requests[0].body == b"four"


def test_a_header_of_another_type_is_sent_as_its_text() -> None:
    odd: dict[Any, Any] = {"X-Count": 7, b"X-Bytes": b"\xe9"}
    headers = CaseInsensitiveDict(odd)
    assert {b"X-Count: 7", b"X-Bytes: \xe9"} < set(check(tampered(headers=headers)).headers)


def test_text_is_sent_as_utf_8_even_when_it_is_broken() -> None:
    assert check(tampered(body="é\ud800")).body == b"\xc3\xa9\xed\xa0\x80"


@pytest.mark.parametrize("body", [iter([b"a"]), 1])
def test_a_body_that_could_not_be_sent_again_is_refused(body: object) -> None:
    with pytest.raises(Unsendable, match="text or bytes"):
        check(tampered(body=body))
    with pytest.raises(Unsendable, match="HEAD"):
        check(tampered(method="HEAD", body=b"x"))


def test_a_request_that_is_wrong_in_itself_never_leaves(receiver: Receiver, transport: Transport) -> None:
    transport.submit("bad", headed("X", "\r\n"))
    assert transport.in_flight == 1
    (answer,) = transport.wait(0)
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.arrived) == ("invalid_request", False)
    assert transport.in_flight == 0


@given(name=st.text("a:;\r\n \t-\x00é", max_size=6), value=st.text(max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_header_is_refused_or_arrives_alone_and_whole(
    receiver: Receiver, send: Callable[..., Answer], name: str, value: str
) -> None:
    request = requests.Request("POST", receiver.url, data=b"x").prepare()
    usual = {"host", "user-agent", "accept", "content-length"}
    request.headers[name] = value
    before = len(receiver.requests)
    answer = send(request)
    if answer.failure:
        assert (answer.failure.code, len(receiver.requests)) == ("invalid_request", before)
    else:
        received = receiver.requests[-1]
        assert {header.lower() for header in received.headers} - usual == {name.lower()}
        assert received.headers[name] == value.strip(" \t")
