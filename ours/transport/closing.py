"""Whether the other side has closed a connection that rests."""

import os
import socket


def port_of(descriptor: int) -> int | None:
    """The port that a socket has on this side; None where it is no socket, or none that is open."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return int(copy.getsockname()[1])
    except (OSError, IndexError):
        return None


def is_closed(descriptor: int, port: int) -> bool:
    """Whether something is there to be read, be it the end, where nothing was asked; False where the descriptor is
    another connection's by now, or nobody's."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            if copy.getsockname()[1] != port:
                return False
            copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except (OSError, IndexError):
        return port_of(descriptor) == port
    return True
