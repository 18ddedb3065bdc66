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
from typing import NamedTuple, TypeVar

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
_BEGIN = re.compile(r"^(Fatal Python error: |(Current t|T)hread 0x)", re.MULTILINE)
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


class Crash(NamedTuple):
    """What a process says of its own end: in which thread (0: one that C made for itself), why and where."""

    thread: int
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
        _handle = handle = out_of_reach(file.fileno())
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


def out_of_reach(file: int) -> int:
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


def read(said: bytes) -> Crash | None:
    """What faulthandler wrote there; None when it wrote nothing."""
    text = said.decode(errors="replace")
    thread, cause = _CURRENT.search(text), _CAUSE.search(text)
    if not (thread or cause):
        return None
    ident, traceback = (int(thread[1], 16), thread[2]) if thread else (0, "")
    frames = [Frame(file, int(line), function) for file, line, function in _FRAME.findall(traceback)]
    return Crash(ident, cause[1] if cause else "It did not end", frames)


def before(said: bytes) -> str:
    """What stands there before it."""
    return _BEGIN.split(said.decode(errors="replace"), maxsplit=1)[0]


def place_in(frames: list[Frame], home: Path | None) -> str | None:
    """``"chat.py, line 10, in build"``: where in the code that lies at ``home`` it was; if nowhere, where at all."""
    own = [one for one in frames if home and (Path(one.file) == home or home in Path(one.file).parents)]
    found = own or [one for one in frames if not one.file.startswith("<frozen")] or frames
    return f"{Path(found[0].file).name}, line {found[0].line}, in {found[0].function}" if found else None


def _read(data: bytes) -> LastWords | None:
    crash = read(data[_SIZE:])
    if not crash:
        return None
    slots = [_SLOT.unpack_from(data, number * _SLOT.size) for number in range(1 + _SLOTS)]
    doing = next((words for one, words in slots[1:] if words and one == crash.thread), b"")
    return LastWords(_text(slots[0][1]), _text(doing), crash.cause, crash.frames)


def _text(said: bytes) -> str:
    return said.decode(errors="replace")
