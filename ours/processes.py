"""What processes need from the operating system: to die with their parent, and a lock that dies with them."""

import errno
import fcntl
import gc
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any
from weakref import WeakSet

from ours.errors import OursError, SettingsInvalid

NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE}
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_MOST_FILES = 65_536
_STDERR = 2
_SERVING = ("serve.lock", "web.lock")
_WORKING = "worker-{}.lock"
_lock_files = WeakSet[IO[bytes]]()
_keeping = threading.Event()


class AlreadyRunning(OursError):
    code = "already_running"


def bind_to_parent(parent: int) -> None:
    """Make this process end when process ``parent`` does, however that one ends (kill -9 too)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def show_name(name: str) -> None:
    """Let ``ps`` and ``top`` show this process as ``ours:NAME``, where that can be had."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"ours:{name}".encode()[:15], 0, 0, 0)


def keep_memory() -> None:
    """What lives by now lives as long as this process: rings of garbage are looked for elsewhere, and less often.

    Python's own 700 objects are what a few requests make, and these leave no rings behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def allow_files() -> int:
    """Let this process have as many files and connections open as the system allows; how many these are.

    What a shell gives is often less, and a worker for many destinations uses it up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft if soft != resource.RLIM_INFINITY else wanted


def open_streams() -> None:
    """Put the void where stdin, stdout or stderr is closed: else the next file or connection took its number, and got
    what others print. Nothing that opens a library (ctypes does) may be imported before."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(_STDERR, "w")


def has_one_thread() -> bool:
    """Whether nobody else works in here, C's own threads counted where that can be: what they hold locked would stay
    locked in a child that goes on without them."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir()) == 1
    except OSError:
        return threading.active_count() == 1


def void(handle: int, *, inheritable: bool = True) -> None:
    """Put the void in the place of ``handle``: what is written there is gone, and its number stays taken."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, handle, inheritable=inheritable)
    os.close(nothing)


def die_first() -> None:
    """Where memory runs out, the kernel is to end this process before all others."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def is_out_of_files() -> bool:
    """Whether this process has as many files and connections open as it may."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in NO_FILE_LEFT
    return False


def lasting(task: Callable[..., None], name: str, *args: Any) -> threading.Thread:
    """Begin a thread without which this process would live on, look well, and be of no use.

    Should it fall, so does the process, whatever memory is left to say so: another is started.
    """

    def last() -> None:
        try:
            task(*args)
        except BaseException:  # noqa: BLE001 - whatever it was, it is told as that of any thread
            try:
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            finally:
                os.kill(os.getpid(), signal.SIGKILL)

    thread = threading.Thread(target=last, name=name, daemon=True)
    thread.start()
    return thread


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def private(path: Path) -> IO[bytes]:
    """Open a file to write at its end; made for us alone when it is not there, whatever the umask."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def lock_file(path: Path) -> IO[bytes]:
    """Open one to be locked with flock. Who is forked has the lock as well, unless ``keep_locks`` says otherwise."""
    file = private(path)
    _lock_files.add(file)
    return file


def keep_locks() -> None:
    """Leave no lock, from here on, to what is forked from this process: a plugin's child may outlive us, and who starts
    next would be told that we still run."""
    _keeping.set()


def share_locks() -> None:
    """Leave them again: to children of our own, which hold them as long as they end."""
    _keeping.clear()


def _let_go_of_locks() -> None:
    """By putting the void in their place: their numbers stay taken, for the files still belong to somebody here."""
    if not _keeping.is_set():
        return
    for file in _lock_files:
        with suppress(OSError, ValueError):  # one that is closed
            void(file.fileno(), inheritable=False)


os.register_at_fork(after_in_child=_let_go_of_locks)


def exclusive(path: Path, what: str, note: str = "") -> IO[bytes]:
    """Hold ``path`` locked for as long as the returned file stays open; refuse when somebody else holds it.

    ``note`` is for whoever asks meanwhile; on a full disk there is none.

    :raises SettingsInvalid: when it can't be written, as in a read-only folder or somebody else's, or can't be locked.
    """
    try:
        handle = lock_file(path)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        said = f"{path} can't be written ({why}). Whoever runs ours must be able to write it, and into its folder."
        raise SettingsInvalid({"OURS_HOME": said}) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise AlreadyRunning(
            f"{what} already runs on {path.parent}. Stop it first, or set another OURS_HOME."
        ) from None
    except OSError as error:
        handle.close()
        said = f"{path} can't be locked ({error.strerror}). Choose a folder on a disk of this machine."
        raise SettingsInvalid({"OURS_HOME": said}) from None
    with suppress(OSError):
        os.ftruncate(handle.fileno(), 0)
        os.write(handle.fileno(), note.encode())
    return handle


def working(home: Path, note: str) -> IO[bytes]:
    """Hold one of the locks by which workers are known on this data folder. ``note`` is for whoever asks meanwhile."""
    for number in count():
        with suppress(AlreadyRunning):
            return exclusive(home / _WORKING.format(number), "A worker", note)
    raise AssertionError("There is always one more.")


def notes(home: Path) -> list[str]:
    """Those of the servers and workers that run on this data folder."""
    paths = *(home / name for name in _SERVING), *home.glob(_WORKING.format("*"))
    return [note for path in paths if (note := _note_of(path)) is not None]


def _note_of(path: Path) -> str | None:
    """The note of whoever holds ``path`` locked; None when nobody does."""
    if not path.exists():
        return None
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return handle.read().decode()
    return None
