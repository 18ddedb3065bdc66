"""What a sender gives back for a request: a response, or why there is none."""

from typing import NamedTuple

import requests


class Timing(NamedTuple):
    """``connect_ms`` is the time until the connection stood (about 0 on one that is used again)."""

    connect_ms: int
    total_ms: int


class Failure(NamedTuple):
    """Why there is no response.

    ``code`` is one of timeout, connect_failed, dns_failed, tls_failed, connection_lost, ssrf_refused,
    response_too_large, invalid_request and out_of_files. ``arrived`` is False only when surely nothing of the request
    reached the receiver; True means that nobody can say.
    """

    code: str
    message: str
    arrived: bool


class Answer(NamedTuple):
    """The end of the request submitted as ``tag``. With neither response nor failure, nothing was sent."""

    tag: str
    response: requests.Response | None
    failure: Failure | None
    timing: Timing
