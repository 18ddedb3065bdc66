"""HTTP for a destination that needs more than one request: a session of ``requests`` that goes where Ours may go."""

import socket
import ssl
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, InvalidHeader, InvalidSchema, InvalidURL, MissingSchema, ProxyError
from requests.exceptions import SSLError as TLSError
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ours.plugin.types import Outcome, Rejected, Retry, Unknown

_NEVER_ARRIVED = (ConnectTimeout, TLSError, ProxyError)
_NO_REQUEST = (InvalidURL, InvalidSchema, MissingSchema, InvalidHeader)


class Way(Protocol):
    """What a session asks of ``Network``: the proxy for a host, and a connection that it permits."""

    def proxy_for(self, host: str) -> str: ...

    def connect(self, host: str, port: int, timeout: float = ...) -> socket.socket: ...


class Session(requests.Session):
    """Follows no redirect, asks the operator's proxy and not the environment's, checks certificates as Ours does."""

    def __init__(self, network: Way, timeout: float) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ssl.get_default_verify_paths().cafile or DEFAULT_CA_BUNDLE_PATH
        self._network, self._timeout = network, timeout
        self.mount("http://", _Adapter(network))
        self.mount("https://", _Adapter(network))

    def send(self, request: PreparedRequest, **how: Any) -> Response:
        proxy = self._network.proxy_for(urlsplit(str(request.url)).hostname or "")
        how |= {"allow_redirects": False, "proxies": {"http": proxy, "https": proxy} if proxy else {}}
        how["timeout"] = how.get("timeout") or self._timeout
        return super().send(request, **how)


def unanswered(error: RequestException) -> Outcome:
    """What it means that a session gave no answer: tried again where nothing arrived, and else unknown."""
    if isinstance(error, _NO_REQUEST):
        return Rejected("invalid_request", f"The request can't be sent: {type(error).__name__}.")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, _NEVER_ARRIVED) or isinstance(reason, NewConnectionError):
        return Retry("unreachable", f"No connection came about: {type(error).__name__}.")
    return Unknown("unanswered", f"No answer came: {type(error).__name__}.")


class _Adapter(HTTPAdapter):
    def __init__(self, network: Way) -> None:
        self._network = network
        super().__init__()

    def init_poolmanager(self, *words: Any, **named: Any) -> None:
        super().init_poolmanager(*words, **named)

        class Opened:
            """Its connections are opened by ``network``."""

            def _new_conn(self) -> socket.socket:
                return _opened(network, self)

        network = self._network
        plain = type("OpenedPlain", (Opened, HTTPConnection), {})
        secure = type("OpenedSecure", (Opened, HTTPSConnection), {})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


def _opened(network: Way, connection: Any) -> socket.socket:
    try:
        made = network.connect(connection.host, connection.port, connection.timeout)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "It took too long to connect.") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
