"""What the contract asks of a destination that fetches access tokens."""

import math

from requests import Request

from ours.plugin.destination import Destination
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import ANSWERS, ODD_HEADERS, answer, check_outcome, check_sendable, expect
from ours.plugin.testing.purity import pure
from ours.plugin.testing.samples import NOW
from ours.plugin.testing.watching import watched
from ours.plugin.types import Outcome, SecretValue, Token

_TOKENS = [(status, body) for status in (200, 201, 400, 500)
           for body in (b'{"access_token": 5}', b'{"access_token": "t", "expires_in": "soon"}')]  # fmt: skip


class TokenChecks(Examined):
    """A part of ``DestinationContract``; passes when the destination needs no token."""

    def test_the_request_for_a_token_is_made_without_clock_chance_or_network(self) -> None:
        with pure(self.destination):
            made: object = watched(self.destination).token_request(self._loaded(), NOW)
        expect(made is None or isinstance(made, Request), f"token_request returned {made!r}, not a Request.")
        if isinstance(made, Request):
            check_sendable(made)

    def test_read_token_understands_any_answer(self) -> None:
        if self.destination.read_token is Destination.read_token:
            return
        for status, body in [*ANSWERS, *_TOKENS]:
            said: object = watched(self.destination).read_token(answer(status, body, ODD_HEADERS))
            if isinstance(said, Token):
                value: object = said.value
                fine = isinstance(value, SecretValue) and math.isfinite(said.seconds) and said.seconds > 0
                expect(fine and status < 300, f"read_token made a token of an answer {status}.")
            else:
                expect(isinstance(said, Outcome), f"read_token returned {said!r}: neither a Token nor an outcome.")
                check_outcome(said)  # type: ignore[arg-type]
