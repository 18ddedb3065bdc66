"""What is kept of a try. Test mode keeps the exact request; live mode keeps it without credentials and cut to size."""

from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest, Response

from ours.core.redact import Masker

_KEPT = 16 * 1024
_KEPT_EXACT = 1024 * 1024


def kept_request(request: PreparedRequest, mode: str, masker: Masker) -> dict[str, Any]:
    headers = dict(request.headers)
    body = _text(request.body)
    if mode == "test":
        return {"method": request.method, "url": request.url, "headers": headers, "body": body[:_KEPT_EXACT]}
    return {
        "method": request.method,
        "url": masker.url(request.url or ""),
        "headers": masker.headers(headers),
        "body": masker.text(body[:_KEPT]),
    }


def kept_response(response: Response | None, masker: Masker) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status": response.status_code,
        "headers": masker.headers(dict(response.headers)),
        "body": masker.text(_text(response.content)[:_KEPT]),
    }


def exchange(
    request: Mapping[str, Any] | None, response: Mapping[str, Any] | None, message: str, timing: Mapping[str, int]
) -> dict[str, Any]:
    return {"request": request, "response": response, "message": message, "timing": timing}


def _text(body: object) -> str:
    if isinstance(body, bytes):
        return body.decode("utf-8", "replace")
    return body if isinstance(body, str) else ""
