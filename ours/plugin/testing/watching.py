"""Calls a plugin for the kit: within its time, where nothing can be sent or written, and noting what it was handed."""

import errno
import os
import sqlite3
import sys
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

from requests import Response

from ours import timebox
from ours.plugin.checking import own_verbs
from ours.plugin.destination import Destination
from ours.plugin.testing import process
from ours.plugin.testing.samples import SAMPLES, sample_delivery
from ours.plugin.tracing import home_of, line_of
from ours.plugin.types import Delivery

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_DONE = {
    "socket.connect": "opened a connection",
    "socket.sendto": "sent something",
    "socket.sendmsg": "sent something",
    "socket.getaddrinfo": "looked up a host's address",
    "socket.gethostbyname": "looked up a host's address",
    "subprocess.Popen": "started a program",
    "os.system": "started a program",
    "os.exec": "started a program",
    "os.posix_spawn": "started a program",
    "os.fork": "started a process",
    "sqlite3.connect": "opened a database",
    "open": "wrote a file",
    "os.mkdir": "made a folder",
    "os.rename": "renamed a file",
    "os.remove": "removed a file",
    "os.rmdir": "removed a folder",
    "os.truncate": "wrote a file",
    "os.link": "wrote a file",
    "os.symlink": "wrote a file",
}


class Fault(AssertionError):
    """What the kit finds while the plugin's own code runs."""


class _Now:
    """``verb`` of the plugin runs, or ran last; ``handed`` is what it was handed, ``done`` what it tried by itself.

    ``thread`` is the one that is sealed, while it is. What is ``stuck`` did not end, and is not called again.
    """

    kind: type[Destination] = Destination
    verb = ""
    handed: tuple[Any, ...] = ()
    thread = 0
    done: list[str] = []  # noqa: RUF012 - there is one
    stuck: dict[tuple[type[Destination], str], str] = {}  # noqa: RUF012


def watched(kind: type[Destination]) -> Destination:
    """An instance whose own methods are called as the kit calls a plugin."""
    plugin = kind()
    for verb in own_verbs(kind):
        vars(plugin)[verb] = partial(_call, kind, verb, getattr(plugin, verb))
    return plugin


def running() -> str:
    """The plugin's method that runs, or ran last; empty when that says nothing."""
    return _Now.verb


def forget() -> None:
    """What follows has nothing to do with what the plugin was handed last."""
    _Now.verb, _Now.handed = "", ()


def given() -> tuple[str, bool] | None:
    """What the plugin was handed last, in a few words, and whether it was odd; None when that says nothing."""
    match _Now.handed:
        case (Delivery() as delivery, *_):
            return _delivery(delivery, _Now.kind.default_mapping)
        case (Response() as response, *_):
            return f"an answer {response.status_code} with the body {_brief(response.content)}", True
    return None


def _call(kind: type[Destination], verb: str, call: Callable[..., Any], *words: Any) -> Any:
    if _Now.thread:  # one of its methods asks another
        return call(*words)
    if stuck := _Now.stuck.get((kind, verb)):
        forget()
        raise Fault(stuck)
    _Now.kind, _Now.verb, _Now.handed, _Now.done = kind, verb, words, []
    threads, before = set(threading.enumerate()), process.shared()
    try:
        with timebox.armed(), redirect_stdout(sys.stderr), sealed():
            said, seconds = _timed(partial(call, *words), again=verb != "send")
    except timebox.TooLong as error:
        said = f"{verb} had not ended after {timebox.SECONDS:.0f} seconds ({line_of(error, home_of(kind.__module__))})."
        _Now.stuck[kind, verb] = said
        raise Fault(said) from None
    except (SystemExit, GeneratorExit, CancelledError) as error:
        did = "tried to end the process" if isinstance(error, SystemExit) else f"raised {type(error).__name__}"
        raise Fault(f"{verb} {did} ({line_of(error, home_of(kind.__module__))}).") from None
    except Exception as error:
        if told := given():
            error.add_note(f"{verb} was handed {told[0]}.")
        raise
    if took := process.changed(before):
        raise Fault(f"{verb} changed {took}, which all plugins share with Ours.")
    if set(threading.enumerate()) - threads:
        _Now.done.append(THREAD)
    if verb != "send":
        _expect_pure_and_quick(verb, seconds)
    return said


def _expect_pure_and_quick(verb: str, seconds: float) -> None:
    if _Now.done:
        raise Fault(f"{verb} {_Now.done[0]}. {PURE}")
    if seconds > SLOW:
        said = _Now.stuck[_Now.kind, verb] = f"{verb} took {seconds:.1f} seconds. {WAITED_FOR}"
        raise Fault(said)


def _timed(call: Callable[[], Any], *, again: bool) -> tuple[Any, float]:
    """What ``call`` gives, and how long it takes. A busy machine is slow once: what is slow is asked twice."""
    seconds = 0.0
    for _ in range(2 if again else 1):
        begun = time.perf_counter()
        said = timebox.limited(call)
        seconds = time.perf_counter() - begun
        if seconds <= SLOW:
            break
    return said, seconds


SLOW = 0.5
"""Seconds that a call takes at most, of a plugin that keeps nobody waiting."""
WAITED_FOR = "All other destinations wait meanwhile: work out less in it, and wait for nothing."
THREAD = "started a thread"
PURE = "It must be pure: delivery.now is the clock, delivery.id is what is unique, and Ours sends what it returns."


def done() -> list[str]:
    """What the plugin tried to do by itself, when it was called last; it could not."""
    return list(_Now.done)


@contextmanager
def sealed() -> Iterator[None]:
    """In here this thread connects to nothing, writes nothing and starts nothing, whoever asks for it."""
    _hook()
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _Now.thread = threading.get_ident()
    try:
        yield
    finally:
        _Now.thread = 0
        sys.dont_write_bytecode = before


def _audit(event: str, words: tuple[Any, ...]) -> None:
    if event not in _DONE or _Now.thread != threading.get_ident():
        return
    if event == "open" and (words[0] == os.devnull or not (words[2] or 0) & _WRITING):
        return
    _Now.done.append(_DONE[event])
    if _Now.verb != "send":
        raise Fault(f"{_Now.verb} {_DONE[event]}. {PURE}")
    if event == "sqlite3.connect":
        raise sqlite3.OperationalError("unable to open database file")
    refused = errno.ENETUNREACH if event.startswith("socket.") else errno.EACCES
    raise OSError(refused, f"{os.strerror(refused)}, for the kit lets nothing out")


def _hook() -> None:
    """An audit hook can't be taken away: there is one, and it looks away unless something is sealed.

    It is asked to the end of the process, when what modules name is gone.
    """
    if not _hooked:
        now = _Now
        sys.addaudithook(lambda event, words: _audit(event, words) if now.thread else None)
        _hooked.append(True)


_hooked: list[bool] = []


def _delivery(delivery: Delivery, mapping: Mapping[str, Any]) -> tuple[str, bool]:
    name = next((name for name, one in SAMPLES.items() if one.id == delivery.event.id), "purchase")
    usual = sample_delivery(name, mapping=mapping)
    if delivery.fields == usual.fields and delivery.event.name == usual.event.name:
        return f"the sample {name}", False
    if not delivery.fields:
        return "a delivery without any field", True
    odd = next((field for field, value in delivery.fields.items() if value != usual.fields.get(field)), None)
    if odd is None:
        return f"the sample {name} without {', '.join(set(usual.fields) - set(delivery.fields)) or 'its name'}", True
    return f"the field {odd} = {_brief(delivery.fields[odd])}", True


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
