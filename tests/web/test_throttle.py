"""Whoever guesses is slowed down for as long as it says, also where the clock was wrong for a while."""

import time_machine

from ours import clock
from ours.web.throttle import Throttle

NOW = clock.now_ms() / 1000


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    throttle = Throttle()
    with time_machine.travel(NOW + 8 * 86_400):
        assert throttle.admits("192.0.2.1", "jane@example.com")
        throttle.note_wrong_token("192.0.2.1")
    with time_machine.travel(NOW):
        assert [throttle.admits("192.0.2.1", "jane@example.com") for _ in range(11)] == [True] * 10 + [False]
        for _ in range(20):
            throttle.note_wrong_token("192.0.2.1")
        assert not throttle.may_try_token("192.0.2.1")
    with time_machine.travel(NOW + 61):
        assert throttle.admits("192.0.2.1", "jane@example.com")
        assert throttle.may_try_token("192.0.2.1")
