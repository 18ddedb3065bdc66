"""What a process was doing for whom when a crash ended it, in a file that outlives it: who starts next reads it.

A crash is one that the process itself could say something of: a segmentation fault, say, or a call that turned round in
C until the kernel ended it. Whoever is killed from outside (kill -9, no memory left) says nothing.
"""

import faulthandler
import fcntl
import mmap
import os
import re
import resource
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from ours import processes, timebox

_NAMES = "last-words.{}"
_SLOT = struct.Struct("<Q248p")
_LENGTH_AT = 8
_pack = _SLOT.pack_into
_SLOTS = 64
_SIZE = _SLOT.size * (1 + _SLOTS)
_MOST_FILES = 65_536
_CURRENT = re.compile(r"^Current thread 0x([0-9a-f]+).*\n((?:  .*\n?)*)", re.MULTILINE)
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_CAUSE = re.compile(r"^Fatal Python error: (.*)$", re.MULTILINE)
T = TypeVar("T")


class Frame(NamedTuple):
    file: str
    line: int
    function: str


class LastWords(NamedTuple):
    """``who`` it was, what it was ``doing`` (empty: nothing of note), why it ended and where, innermost first."""

    who: str
    doing: str
    cause: str
    frames: list[Frame]


class _Notes:
    """A slot for each thread that does something, and where the free ones begin; the first one says who we are."""

    def __init__(self, handle: int, who: str) -> None:
        os.ftruncate(handle, _SIZE)
        self.page = mmap.mmap(handle, _SIZE)
        self.free = [number * _SLOT.size for number in range(1, 1 + _SLOTS)]
        _pack(self.page, 0, 0, who.encode())


_notes: _Notes | None = None
_handle: int | None = None


@contextmanager
def kept(home: Path, who: str) -> Iterator[None]:
    """Have this process leave its last words in ``home``, as ``who``. Where nothing can be written, it leaves none."""
    global _notes, _handle
    path = home / _NAMES.format(who.rpartition(":")[2])
    try:
        file = processes.lock_file(path)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _handle = handle = _out_of_reach(file)
        with path.open("r+b") as pages:
            _notes = _Notes(pages.fileno(), who)
    except OSError:
        yield
        return
    faulthandler.enable(handle)
    timebox.say_in(handle)
    try:
        yield
    finally:
        faulthandler.disable()
        timebox.say_in(None)
        _notes = _handle = None
        with suppress(OSError):
            os.close(handle)
        path.unlink(missing_ok=True)
        file.close()


def _leave_it_to_our_parent() -> None:
    """What a plugin forks has no say in it, nor the lock: it may outlive us."""
    global _notes, _handle
    if _handle is not None:
        faulthandler.disable()
        with suppress(OSError):  # a plugin closed it
            os.close(_handle)
        _notes = _handle = None


os.register_at_fork(after_in_child=_leave_it_to_our_parent)


def _out_of_reach(file: IO[bytes]) -> int:
    """A number for it that no other file gets, should a plugin close what is not its own: numbers are taken from below,
    and what is said in a crash must not end up in the database."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = min(soft, _MOST_FILES) if soft != resource.RLIM_INFINITY else _MOST_FILES
    return fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, highest - 1)


def doing(words: str, call: Callable[[], T]) -> T:
    """``call()``, noted for whoever may have to read it. Without ``kept`` nothing is noted; it costs a microsecond."""
    notes = _notes
    if notes is None:
        return call()
    try:
        at = notes.free.pop()
    except IndexError:
        return call()
    _pack(notes.page, at, threading.get_ident(), words.encode())
    try:
        return call()
    finally:
        notes.page[at + _LENGTH_AT] = 0
        notes.free.append(at)


def left(home: Path) -> Iterator[LastWords]:
    """What those left who ended, one after the other; each is taken away once it was taken note of.

    What can't be read is passed over: a plugin may have put anything there.
    """
    for path in sorted(home.glob(_NAMES.format("*"))):
        with suppress(OSError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if path.exists() and (words := _read(file.read())):
                yield words
            path.unlink(missing_ok=True)


def _read(data: bytes) -> LastWords | None:
    said = data[_SIZE:].decode(errors="replace")
    thread, cause = _CURRENT.search(said), _CAUSE.search(said)
    if not (thread or cause):
        return None
    ident, traceback = (int(thread[1], 16), thread[2]) if thread else (0, "")  # 0: a thread that C made for itself
    slots = [_SLOT.unpack_from(data, number * _SLOT.size) for number in range(1 + _SLOTS)]
    doing = next((words for one, words in slots[1:] if words and one == ident), b"")
    frames = [Frame(file, int(line), function) for file, line, function in _FRAME.findall(traceback)]
    return LastWords(_text(slots[0][1]), _text(doing), cause[1] if cause else "It did not end", frames)


def _text(said: bytes) -> str:
    return said.decode(errors="replace")
