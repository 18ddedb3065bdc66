"""Test mode sends nothing."""

import pytest
import requests

from ours.core.answer import Answer, Timing
from ours.sink import Sink
from tests.receiver import Receiver


def prepared(url: str) -> requests.PreparedRequest:
    return requests.Request("POST", url, data="x").prepare()


@pytest.mark.usefixtures("socket_disabled")
def test_every_request_gets_an_empty_answer_and_no_socket_is_opened() -> None:
    sink = Sink()
    for tag in ("a", "b", "c"):
        sink.submit(tag, prepared("https://example.com/"))
    sink.abandon("b")
    assert sink.in_flight == 2
    assert sink.wait(10) == [Answer(tag, None, None, Timing(0, 0)) for tag in ("a", "c")]
    assert sink.wait(10) == []
    assert sink.in_flight == 0


def test_a_receiver_hears_nothing_of_it() -> None:
    with Receiver() as receiver:
        sink = Sink()
        sink.submit("a", prepared(receiver.url))
        assert len(sink.wait(1)) == 1
        sink.close()
        assert receiver.connections == 0
