"""Child processes that end with the block that started them, and die with us however we end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ours import processes

ROOT = Path(__file__).resolve().parents[1]
_READY_SECONDS = 30.0
_END_SECONDS = 8.0

Words = Callable[[int], list[str]]


class Failed(Exception):
    """A child did not do what it was started for; the message says what it wrote."""


def python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


@contextmanager
def running(
    words: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run ``words`` for as long as the block lasts; what it writes to stderr goes to ``log``."""
    parent = os.getpid()
    with log.open("a") as errors:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**_calm_environ(), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: processes.bind_to_parent(parent),  # noqa: PLW1509 - this process has one thread
        )
    try:
        yield process
    finally:
        _end(process)


def output(words: Sequence[str], log: Path, seconds: float) -> str:
    """What a child that ends by itself prints.

    :raises Failed: when it does not end within ``seconds`` or ends badly.
    """
    with running(words, log) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{_name(words)} did not end within {seconds:.0f} s.\n{tail(log)}") from None
        if process.returncode:
            raise Failed(f"{_name(words)} failed.\n{tail(log)}")
        return said


def until(ready: Callable[[], Any], process: subprocess.Popen[str], log: Path) -> float:
    """Wait until ``ready`` is true; answers the seconds it took.

    :raises Failed: when the child ends first, or takes too long.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < _READY_SECONDS:
        if process.poll() is not None:
            raise Failed(f"The server ended at once.\n{tail(log)}")
        with suppress(OSError):
            if ready():
                return time.monotonic() - begun
        time.sleep(0.02)
    raise Failed(f"The server was not ready within {_READY_SECONDS:.0f} s.\n{tail(log)}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _name(words: Sequence[str]) -> str:
    return " ".join([Path(words[0]).name, *words[1:3]])


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:]) if log.exists() else ""


def _calm_environ() -> dict[str, str]:
    """No setting of the operator's own installation reaches what is measured; compiled code is kept, as in one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OURS_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
