"""Whoever was stopped, or waited long for a database, hears first what came meanwhile."""

import time
from collections.abc import Callable
from typing import Any

import requests

from ours.core.answer import Answer
from ours.transport import Transport
from tests.receiver import Receiver

Prepare = Callable[..., requests.PreparedRequest]


def after_a_sleep(transport: Transport, seconds: float) -> dict[str, Answer]:
    """What is answered to ``a`` and ``b``, by those."""
    assert transport.wait(0.1) == []
    time.sleep(seconds)
    answers: list[Answer] = []
    ends = time.monotonic() + 5
    while transport.in_flight and time.monotonic() < ends:
        answers += transport.wait(0.1)
    return {one.tag: one for one in answers}


def test_what_was_answered_meanwhile_is_no_time_out(impatient: Transport, prepare: Prepare, receiver: Receiver) -> None:
    receiver.answer(202, delay=0.2)
    for tag in ("a", "b"):
        impatient.submit(tag, prepare(receiver.url))
    answers = after_a_sleep(impatient, 1.5)
    assert [one.response and one.response.status_code for one in answers.values()] == [202, 202]


class SleepsOnce:
    """A process that is stopped while it waits for its sockets."""

    def __init__(self, poll: Any, seconds: float) -> None:
        self._poll, self._seconds = poll, seconds

    def poll(self, milliseconds: float) -> Any:
        seconds, self._seconds = self._seconds, 0.0
        time.sleep(seconds)
        return self._poll.poll(milliseconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poll, name)


def test_nor_is_it_where_the_sleep_came_while_it_was_waited_for(
    impatient: Transport, prepare: Prepare, receiver: Receiver
) -> None:
    receiver.answer(202, delay=0.2)
    for tag in ("a", "b"):
        impatient.submit(tag, prepare(receiver.url))
    assert impatient.wait(0.1) == []
    impatient._loop._poll = SleepsOnce(impatient._loop._poll, 1.5)  # type: ignore[assignment]
    answers = [*impatient.wait(0.1), *impatient.wait(0.1)]
    assert [one.response and one.response.status_code for one in answers] == [202, 202]


def test_what_was_not_is_one_at_once(impatient: Transport, prepare: Prepare, receiver: Receiver) -> None:
    receiver.answer(path="/never", hang=True)
    receiver.answer(202, path="/soon", delay=0.2)
    impatient.submit("a", prepare(f"{receiver.url}/never"))
    impatient.submit("b", prepare(f"{receiver.url}/soon"))
    assert impatient.wait(0.1) == []
    time.sleep(1.5)
    began = time.monotonic()
    answers = [*impatient.wait(1), *impatient.wait(1)]
    assert time.monotonic() - began < 0.5
    assert {one.tag: one.failure and one.failure.code for one in answers} == {"a": "timeout", "b": None}


def test_who_is_sent_to_after_a_rest_has_the_usual_time(
    impatient: Transport, prepare: Prepare, receiver: Receiver
) -> None:
    receiver.answer(times=1)
    impatient.submit("a", prepare(receiver.url))
    assert len(impatient.wait(2)) == 1
    time.sleep(1.5)
    receiver.answer(hang=True)
    impatient.submit("b", prepare(receiver.url))
    began = time.monotonic()
    (answer,) = impatient.wait(3)
    assert answer.failure
    assert answer.failure.code == "timeout"
    assert time.monotonic() - began < 2
