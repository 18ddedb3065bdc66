"""Whoever guesses is slowed down for as long as it says, also where the clock was wrong for a while."""

import pytest
import time_machine

from ours import clock
from ours.web.throttle import Throttle, place_of

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


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50123", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1:bbbb::2]:50123", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_place_is_an_address_and_of_ipv6_its_network(address: str, place: str) -> None:
    assert place_of(address) == place


def test_whoever_has_a_network_of_addresses_has_no_more_tries_than_others() -> None:
    throttle = Throttle()
    tries = [throttle.admits(f"2001:db8::{number:x}", f"person{number}@example.com") for number in range(11)]
    assert tries == [True] * 10 + [False]
    assert throttle.admits("2001:db8:0:1::1", "jane@example.com")
    for number in range(20):
        throttle.note_wrong_token(f"2001:db8::{number:x}")
    assert not throttle.may_try_token("2001:db8::ffff")


def test_what_strangers_try_keeps_nobody_out_of_a_browser_they_signed_in_with() -> None:
    throttle = Throttle()
    strangers = [throttle.admits(f"192.0.2.{number}", "jane@example.com") for number in range(61)]
    assert strangers == [True] * 60 + [False]
    known = [throttle.admits("192.0.2.1", "jane@example.com", "a browser") for _ in range(11)]
    assert known == [True] * 10 + [False]
