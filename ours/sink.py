"""The no-op sender of test mode: it takes requests as the real one does, and sends nothing."""

import requests

from ours.core.answer import Answer, Timing


class Sink:
    """Has the doors of ``ours.transport.Transport`` and no socket behind them."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}

    @property
    def in_flight(self) -> int:
        """Requests whose answer was not handed out yet."""
        return len(self._answers)

    def submit(self, tag: str, request: requests.PreparedRequest) -> None:  # noqa: ARG002
        """Take the request and let it go nowhere."""
        self._answers[tag] = Answer(tag, response=None, failure=None, timing=Timing(0, 0))

    def wait(self, timeout: float) -> list[Answer]:  # noqa: ARG002
        """At once, an empty answer for each request submitted since."""
        answers = list(self._answers.values())
        self._answers.clear()
        return answers

    def abandon(self, tag: str) -> None:
        """Drop the answer of ``tag``, if it was not handed out yet."""
        self._answers.pop(tag, None)

    def close(self) -> None:
        """Drop all answers."""
        self._answers.clear()
