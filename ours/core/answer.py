"""What a sender gives back for a request: a response, or why there is none."""

from dataclasses import dataclass

import requests


@dataclass(frozen=True, slots=True)
class Timing:
    """``connect_ms`` is the time until the connection stood (about 0 on one that is used again)."""

    connect_ms: int
    total_ms: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no response.

    ``code`` is one of timeout, connect_failed, dns_failed, tls_failed, connection_lost, ssrf_refused,
    response_too_large and invalid_request. ``arrived`` is False only when surely nothing of the request reached the
    receiver; True means that nobody can say.
    """

    code: str
    message: str
    arrived: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of the request submitted as ``tag``. With neither response nor failure, nothing was sent."""

    tag: str
    response: requests.Response | None
    failure: Failure | None
    timing: Timing
