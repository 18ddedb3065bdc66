"""What the ingest API answers, and every code an answer can carry: one registry, which ``docs/errors.md`` repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response
from werkzeug.datastructures import Headers

from ours import log
from ours.core.incoming import Notice
from ours.core.notices import notice
from ours.errors import Busy, Invalid

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HEADERS = (
    ("Content-Type", "application/json"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal: its HTTP status, what it means, and what the caller does about it."""

    status: int
    meaning: str
    remedy: str


PROBLEMS: Mapping[str, Problem] = {
    "not_found": Problem(
        404,
        "There is no such endpoint.",
        "Use `/api/v1/track`, `/api/v1/identify`, `/api/v1/batch` or `/api/v1/openapi`.",
    ),
    "method_not_allowed": Problem(
        405,
        "The endpoint exists, but not for this method.",
        "Use a method that the `Allow` header names: POST, or GET for `/openapi`.",
    ),
    "request_timeout": Problem(
        408,
        "The body did not arrive within 30 seconds.",
        "Send again with the same `distinctId`; over a slow connection, send less at once.",
    ),
    "too_large": Problem(
        413,
        "The body is larger than `limit` bytes, as sent or decompressed.",
        "Send less at once: shorter properties, or smaller batches.",
    ),
    "too_many_rows": Problem(413, "The batch has more than `limit` rows.", "Send smaller batches."),
    "unsupported_media_type": Problem(
        415,
        "The Content-Type is not JSON, or the Content-Encoding is not gzip.",
        "Send `Content-Type: application/json`, and either no `Content-Encoding` or `gzip`.",
    ),
    "invalid_json": Problem(
        400,
        "The body can't be decompressed or parsed as a JSON object.",
        "Send one JSON object in UTF-8, without NaN, Infinity or NUL. The message says where parsing stopped.",
    ),
    "missing_key": Problem(
        401,
        "No key was sent.",
        "Send the source's key as `token` in the body, as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
    ),
    "conflicting_keys": Problem(401, "Different keys were sent.", "Send only one key."),
    "invalid_key": Problem(
        401,
        "The key is unknown, revoked or expired, or its source is deactivated.",
        "Copy the key from the source's Install page. Retrying with the same key does not help.",
    ),
    "rate_limited": Problem(
        429,
        "The source sends more requests per second than its limit.",
        "Wait for `Retry-After` seconds and send again; use batches.",
    ),
    "invalid_fields": Problem(
        400,
        "One or more fields are missing or wrong.",
        "Fix every field that `errors` names. Retrying the same body does not help.",
    ),
    "unavailable": Problem(
        503,
        "Events can't be stored durably right now, so nothing was accepted.",
        "Wait for `Retry-After` seconds and send again with the same `distinctId`.",
    ),
    "internal_error": Problem(
        500,
        "An internal error, which was logged.",
        "Send again later with the same `distinctId`; if it keeps happening, tell the operator.",
    ),
}

ROW_PROBLEMS: Mapping[str, Problem] = {
    "invalid_event": Problem(
        207,
        "This row of the batch is invalid and was not accepted; the other rows are not affected.",
        "Fix the fields that the row's `errors` names, and send this row again.",
    ),
    "queue_failed": Problem(
        503,
        "This row could not be stored durably right now.",
        "Wait for `Retry-After` seconds and send this row again with the same `distinctId`.",
    ),
}


class Refusal(Exception):
    """Raised to answer an error. ``limit`` is the one that was exceeded."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Mapping[str, list[str]] | None = None,
        limit: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.errors, self.limit, self.headers = errors, limit, headers

    @property
    def status(self) -> int:
        return PROBLEMS[self.code].status

    def said(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"success": False, "error": self.message, "code": self.code}
        if self.errors:
            body["errors"] = self.errors
        if self.limit is not None:
            body["limit"] = self.limit
        return body

    def response(self) -> Response:
        return answer(self.said(), self.status, self.headers)


def invalid(problem: Invalid) -> Refusal:
    """The body was read, and is wrong."""
    return Refusal("invalid_fields", str(problem), errors=problem.errors)


def unavailable(problem: Busy) -> Refusal:
    """Nothing could be made durable."""
    return Refusal("unavailable", problem.sentence, headers={"Retry-After": str(problem.retry_after)})


def broken(error: Exception, name: str) -> Refusal:
    """Something raised what nobody foresaw; the log has it, with the request's ``name``."""
    log.get("web.ingest").error("a request failed", request=name, exc_info=error)
    return Refusal("internal_error", "Something broke on our side. It was logged; send again later.")


class Answer(Response):
    """Whole when it is made: the server gets it in one piece, and nothing in its headers is worked out once more."""

    automatically_set_content_length = False

    def __init__(self, data: Sequence[bytes], status: int, headers: Mapping[str, str]) -> None:
        super().__init__(data, status, Headers([*HEADERS, *headers.items()]), direct_passthrough=True)

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002
        return self.headers


def answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``body`` as JSON."""
    data = orjson.dumps(body)
    return Answer([data], status, {"Content-Length": str(len(data)), **(headers or {})})


def listed(warnings: tuple[Notice, ...], differs: bool = False) -> list[dict[str, str]]:
    """``warnings`` for an answer; ``differs`` adds the one that only storing can find."""
    if differs:
        warnings += (notice("distinctId", "duplicate_differs"),)
    return [{"field": one.field, "code": one.code, "message": one.message} for one in warnings]
