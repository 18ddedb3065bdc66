"""What the contract asks of a destination that sends by itself: that it says what came of it, whatever came."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from requests import Request

from ours.plugin.destination import sends_itself
from ours.plugin.network import Network, NetworkRefused
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import check_outcome, expect
from ours.plugin.testing.watching import done, watched
from ours.plugin.types import Delivered, Duplicate, Outcome, Rejected, Skipped

_MOST = 5
_SOME = 2  # a thread that serves all is left by the first alone
_TO_END = 0.3


class SendChecks(Examined):
    """A part of ``DestinationContract``; passes when Ours sends. Nothing is reached and nothing is written."""

    def test_send_says_what_came_of_it_where_nothing_can_be_reached_or_written(self) -> None:
        for request, events in self._to_be_sent():
            network = Nowhere()
            try:
                said: object = watched(self.destination).send(request, self._loaded(), network)
            except (NetworkRefused, socket.gaierror):
                continue
            except AssertionError:
                raise
            except Exception as error:
                error.add_note("Nothing could be reached or written. Say Retry: an exception rejects the event.")
                raise
            outcomes = self._outcomes(said, events)
            claimed = [one for one in outcomes if isinstance(one, Delivered | Duplicate)]
            tried = network.asked or done()
            expect(
                not (claimed and tried),
                f"send said {outcomes[0]!r}, though nothing could be reached or written. (It {', '.join(tried)}.)",
            )

    def test_send_leaves_no_thread_behind_each_time(self) -> None:
        leaving = sum(self._leaves_a_thread(request) for request, _ in self._to_be_sent())
        expect(
            leaving < _SOME,
            "send left a thread running each time: they add up, and go on when the destination is removed."
            " End it in send, or start one for all.",
        )

    def _leaves_a_thread(self, request: Request) -> bool:
        before = set(threading.enumerate())
        with suppress(Exception):  # what comes of it, the other test asks
            watched(self.destination).send(request, self._loaded(), Nowhere())
        started = set(threading.enumerate()) - before
        for thread in started:
            thread.join(_TO_END)
        return any(thread.is_alive() for thread in started)

    def _outcomes(self, said: object, events: int) -> list[Outcome]:
        several = isinstance(said, Sequence) and not isinstance(said, str | bytes)
        expect(
            isinstance(said, Outcome) or (several and self.destination.batching is not None),
            f"send returned {said!r}, which is no outcome: return Delivered(), Retry(…) or another one.",
        )
        outcomes: list[Any] = list(said) if several else [said] * events  # type: ignore[call-overload]
        expect(len(outcomes) == events, f"send gave {len(outcomes)} outcomes for {events} events.")
        for one in outcomes:
            expect(isinstance(one, Outcome), f"send returned {one!r}, which is no outcome.")
            check_outcome(one)
        return outcomes

    def _to_be_sent(self) -> Iterator[tuple[Request, int]]:
        """Requests as the class makes them, each with how many events are in it."""
        if not sends_itself(self.destination):
            return
        plugin = watched(self.destination)
        for delivery in self._deliveries():
            if isinstance(built := plugin.build(delivery), Request):
                yield built, 1
        if self.destination.batching is not None:
            most = min(_MOST, self.destination.batching.max_items)
            made = [plugin.item(delivery) for delivery in self._deliveries()]
            if items := [item for item in made if not isinstance(item, Skipped | Rejected)][:most]:
                yield plugin.pack(items, self._loaded()), len(items)


class Nowhere(Network):
    """A network in which nothing may be reached. ``asked``: what for."""

    def __init__(self) -> None:
        super().__init__(lambda _: False)
        self.asked: list[str] = []

    def addresses(self, host: str, port: int) -> list[str]:
        self.asked.append(f"asked for {host}:{port}")
        raise NetworkRefused([host])
