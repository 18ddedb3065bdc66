"""Cuts connections whose other end is still there, but neither speaks nor listens. granian has no means to do that."""

import os
import socket
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_OPEN_FILES = Path("/proc/self/fd")
_ESTABLISHED = 1
_TCP_INFO = struct.Struct("=B43xI")  # its state, and how many ms ago we sent something


@dataclass(frozen=True, slots=True)
class Connections:
    """Those to ``port`` of this process: ``most`` at once. One may rest for ``resting`` seconds."""

    port: int
    most: int
    resting: float

    @property
    def full(self) -> bool:
        """Whether there may be no room for another: as many files are open."""
        return len(_open_files()) >= self.most

    def cut_silent(self, seconds: float) -> int:
        """Cut those over which nothing was sent for so long; how many there were.

        Only Linux tells; elsewhere they stay. One that rests between two requests is cut, too.
        """
        return sum(_cut(file, self.port, seconds) for file in _open_files())


def _open_files() -> list[int]:
    with suppress(OSError):  # to look takes a file, too
        return [int(file.name) for file in _OPEN_FILES.iterdir()] if hasattr(socket, "TCP_INFO") else []
    return []


def _cut(file: int, port: int, seconds: float) -> bool:
    with suppress(OSError):  # it may be closed by now, or no such connection
        copy = os.dup(file)  # for its number may stand for another file a moment later
        try:
            return stat.S_ISSOCK(os.fstat(copy).st_mode) and _cut_copy(copy, port, seconds)
        finally:
            os.close(copy)
    return False


def _cut_copy(copy: int, port: int, seconds: float) -> bool:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=copy)
    try:
        state, silent = _TCP_INFO.unpack(connection.getsockopt(socket.SOL_TCP, socket.TCP_INFO, _TCP_INFO.size))
        due = bool(state == _ESTABLISHED and silent > seconds * 1000 and connection.getsockname()[1] == port)
        if due:
            connection.shutdown(socket.SHUT_RDWR)
        return due
    finally:
        connection.detach()
