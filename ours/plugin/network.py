"""The way into the network for a destination that sends by itself: as far as the operator lets it, and no further."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


class NetworkRefused(Exception):
    """Nothing of what was asked for may be reached; the text names the setting. Let it pass: Ours concludes from it."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__(
            f"The destination's address {', '.join(addresses)} is not on the public Internet."
            " If it may be reached, add its network to OURS_ALLOW_NETWORKS."
        )


class Network:
    """Looks names up and judges what they mean, by the rules that hold for every request that Ours sends itself.

    ``permits`` says of an address whether it may be reached; in a test of your own, ``Network(lambda address: True)``.
    """

    def __init__(self, permits: Callable[[str], bool], proxy: str = "") -> None:
        self._permits = permits
        self._proxy = proxy

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of ``host`` that may be reached, at least one.

        Connect to these and not to the name: it may mean something else a moment later.

        :raises NetworkRefused: when none of its addresses may be reached.
        :raises socket.gaierror: when it has none.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "The host's name can't be one.") from None
        known = list(dict.fromkeys(str(place[4][0]) for place in found))
        permitted = [address for address in known if self._permits(address)]
        if not permitted:
            raise NetworkRefused(known)
        return permitted

    def connect(self, host: str, port: int, timeout: float = 8.0) -> socket.socket:
        """A TCP connection to ``host``, made within ``timeout`` seconds for each of its addresses.

        :raises NetworkRefused: as ``addresses`` does.
        :raises OSError: when none of them can be reached.
        """
        failed: OSError | None = None
        for address in self.addresses(host, port):
            try:
                return socket.create_connection((address, port), timeout)
            except OSError as error:
                failed = error
        raise failed or OSError("There is no address to connect to.")

    def session(self, timeout: float = 5.0) -> "requests.Session":
        """A session of ``requests`` under the same rules, for an API that needs more than one request. Close it.

        ``timeout``: so many seconds for a connection, and for each wait. Redirects are not followed. It raises what
        ``requests`` does, which ``unanswered`` reads, and NetworkRefused.
        """
        from ours.plugin.session import Session

        return Session(self, timeout)

    def proxy_for(self, host: str) -> str:
        """The URL of the operator's HTTP proxy for all ways out, which looks ``host`` up itself; empty: there is none.

        :raises NetworkRefused: when ``host`` is written as an address that may not be reached.
        """
        written = written_address(host) if self._proxy else None
        if written and not self._permits(written):
            raise NetworkRefused([written])
        return self._proxy


def written_address(host: str) -> str | None:
    """The address that ``host`` is, in whatever spelling (``127.1``, ``0x7f000001``, ``localhost``); None for names."""
    if host.rstrip(".").lower() == "localhost" or host.rstrip(".").lower().endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None
