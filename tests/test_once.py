"""What threads share is made once: the library's cached_property makes one for each of them since Python 3.12."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any

import pytest

import ours.bootstrap
from ours.bootstrap import Ours
from ours.once import once
from ours.queue import Queue
from ours.settings import Settings
from ours.store import Store
from ours.store.writer import Writer

_TWO = 2


def _slowed(make: Callable[..., Any]) -> Callable[..., Any]:
    """Begins when a second one begins, if there is a second one."""
    both = threading.Barrier(_TWO)

    def slow(*args: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return make(*args)

    return slow


def _ask_at_once(ask: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(_TWO) as threads:
        return [asked.result() for asked in [threads.submit(ask) for _ in range(_TWO)]]


def test_two_threads_that_ask_at_once_get_the_same() -> None:
    class Shared:
        made = once(_slowed(lambda _: object()))

    shared = Shared()
    first, second = _ask_at_once(lambda: shared.made)
    assert first is second is shared.made
    assert Shared().made is not first


def test_what_failed_is_made_at_the_next_asking() -> None:
    found = iter([ValueError("not yet"), "here"])

    class Shared:
        @once
        def made(self) -> Any:
            """What it is."""
            said = next(found)
            if isinstance(said, Exception):
                raise said
            return said

    shared = Shared()
    with pytest.raises(ValueError, match="not yet"):
        _ = shared.made
    assert shared.made == "here"
    assert Shared.made.__doc__ == "What it is."


def test_two_first_requests_have_one_writer(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another would be a thread that nobody ends, beside what may be kept in memory."""
    made: list[Writer] = []

    def make(*args: Any) -> Writer:
        made.append(Writer(*args))
        return made[-1]

    monkeypatch.setattr(ours.bootstrap, "Writer", _slowed(make))
    installation = Ours(make_settings())
    installation.prepare()
    first, second = _ask_at_once(lambda: installation.accept)
    installation.close()
    for writer in made[1:]:
        writer.close()
    assert first is second
    assert len(made) == 1


@pytest.mark.parametrize("kind", [Ours, Store, Queue])
def test_what_threads_share_has_no_other_kind_of_cache(kind: type) -> None:
    lazy = [each for each in vars(kind).values() if isinstance(each, cached_property)]
    assert lazy
    assert all(isinstance(each, once) for each in lazy)
