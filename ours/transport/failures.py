"""Says in our words why libcurl brought no response, and whether the request may have arrived all the same."""

import pycurl

from ours.core.answer import Failure
from ours.plugin import NetworkRefused

_TOO_LARGE = 100  # CURLE_TOO_LARGE, for which pycurl has no name
_MAX_HEADERS = 300 * 1024  # libcurl's own limit
_INVALID = {pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_BAD_FUNCTION_ARGUMENT}
_TLS = {
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_SSL_INVALIDCERTSTATUS,
}
_REFUSED = 300
_PROXY_REFUSED = {
    403: "The proxy in OURS_PROXY refuses to connect to the destination. Allow it there.",
    407: "The proxy in OURS_PROXY requires a password, which Ours can't send. Let it allow Ours by its address.",
}
_PROXY_FAILED = "The proxy in OURS_PROXY did not reach the destination. Check the address; the proxy's log says more."
_TOO_LARGE_ANSWER = (
    "response_too_large",
    "The headers of the answer are too large; the request may have been accepted.",
)


def before_sending(code: int, detail: str) -> Failure:
    """The failure of a request of which not one byte was sent. ``code`` and ``detail`` are libcurl's."""
    word, sentence = _before(code)
    return Failure(word, _with(sentence, detail), arrived=False)


def before_the_proxy(code: int, detail: str, said: int) -> Failure:
    """The same where all goes through a proxy, which answered ``said`` to CONNECT; 0: nothing."""
    if said >= _REFUSED:
        sentence = _PROXY_REFUSED.get(said, _PROXY_FAILED)
    elif code == pycurl.E_COULDNT_RESOLVE_PROXY:
        sentence = "The proxy in OURS_PROXY has no address. Check the spelling."
    elif code == pycurl.E_COULDNT_CONNECT:
        sentence = "No connection to the proxy in OURS_PROXY. Check that it runs."
    else:
        return before_sending(code, detail)
    return Failure("connect_failed", _with(sentence, detail), arrived=False)


def after_sending(code: int, detail: str, lines: list[bytes]) -> Failure:
    """The failure of a request that was sent, in part or whole. ``lines`` are those of the answer that had come."""
    too_large = code == _TOO_LARGE or sum(map(len, lines)) > _MAX_HEADERS
    word, sentence = _TOO_LARGE_ANSWER if too_large else _after(code)
    if lines:
        sentence += f" It had begun to answer: {lines[0].decode('latin-1').strip()[:80]}."
    return Failure(word, _with(sentence, detail), arrived=True)


def refused(addresses: list[str]) -> Failure:
    """The guard let none of the host's ``addresses`` pass."""
    return Failure("ssrf_refused", str(NetworkRefused(addresses)), arrived=False)


def out_of_files() -> Failure:
    """Nothing was sent, for this process may have no more files open: that says nothing of the destination."""
    return Failure("out_of_files", "This server has reached its limit of open files and connections.", arrived=False)


def _before(code: int) -> tuple[str, str]:
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return "dns_failed", "The destination's host name has no address (DNS). Check the spelling."
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return (
            "timeout",
            "The connection timed out. Check that the destination runs and that no firewall is in the way.",
        )
    if code in _TLS:
        return "tls_failed", "No secure connection (TLS). Check the destination's certificate."
    if code in _INVALID:
        return "invalid_request", "The destination's URL is not valid. Check the spelling."
    return "connect_failed", "No connection. Check that the destination runs and that no firewall is in the way."


def _after(code: int) -> tuple[str, str]:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return "timeout", "The destination did not answer in time; it may have accepted the request."
    return "connection_lost", "The connection broke before the answer was complete; the request may have been accepted."


def _with(sentence: str, detail: str) -> str:
    return f"{sentence} ({detail.rstrip('.')})" if detail else sentence
