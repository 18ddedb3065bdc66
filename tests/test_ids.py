"""Ids tell when something was made, and in which order, also when the clock was wrong for a while."""

from itertools import count
from types import SimpleNamespace

import pytest

from ours import clock, ids


def test_ids_rise() -> None:
    made = [ids.new_id() for _ in range(2_000)]
    assert made == sorted(set(made))
    assert all(map(ids.is_id, made))


def test_a_clock_that_was_set_back_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, numbers = clock.now_ms() + 8 * clock.DAY, count()
    made_ahead = lambda: SimpleNamespace(hex=f"{seen:012x}7{next(numbers):019x}", timestamp=seen)  # noqa: E731
    monkeypatch.setattr(ids, "uuid7", made_ahead)
    before = clock.now_ms()
    made = [ids.new_id() for _ in range(2_000)]
    assert made == sorted(set(made))
    assert all(before <= ids.moment(one) <= clock.now_ms() for one in made)


def test_what_makes_ids_says_the_moment_that_stands_in_them() -> None:
    made = ids.uuid7()
    assert made.timestamp == ids.moment(made.hex)


def test_an_id_that_is_to_come_after_another_does_whatever_the_clock_says() -> None:
    later = ids.floor(clock.now_ms() + clock.DAY)[:-1] + "f"
    made = {ids.new_id(later) for _ in range(100)}
    assert len(made) == 100
    assert all(one > later and ids.is_id(one) for one in made)
    assert ids.new_id(ids.floor(0)) < later
