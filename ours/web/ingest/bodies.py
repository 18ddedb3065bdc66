"""Reads a request's body: no larger than it may be, of a type we know, unpacked with care, and a JSON object."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from ours.core import wire
from ours.web.ingest.answers import Refusal

_GZIP = 16 + zlib.MAX_WBITS
_NO_CHUNK = "The body is empty, or its first chunk can't be read. Send a JSON object."
_INSTEAD: Mapping[type[Any], str] = {
    list: " A list of events goes to /api/v1/batch, as events.",
    str: " It is a string: was it encoded as JSON twice, or quoted by a shell?",
}
_QUOTES = " Names and strings need double quotes, which a shell may have removed."
_LOOKS_LIKE = (
    (re.compile(rb"\[object "), " It is a JavaScript object: send the result of JSON.stringify."),
    (re.compile(rb"\s*(\[\s*'|\{\s*['\w])"), _QUOTES),
    (re.compile(rb"'"), " It begins with a single quote: cmd.exe on Windows only knows double quotes."),
    (re.compile(rb"\s*\{.*\}[ \t\r]*\n\s*\{"), " Send one object; many events go to /api/v1/batch."),
    (re.compile(rb"[\w.%\[\]-]+="), " It looks like form data."),
)
_NO_FORM = " This is form data, which curl sends without -H 'Content-Type: application/json'."
_PACKINGS = {"": False, "identity": False, "gzip": True, "x-gzip": True}


def read(request: Request, limit: int) -> dict[str, Any]:
    """The JSON object of the body, of at most ``limit`` bytes both as sent and unpacked.

    :raises Refusal: 413, 415 or 400, checked in this order.
    """
    data = _bytes(request, limit)
    if _is_packed(request):
        data = _unpack(data, limit)
    try:
        body = wire.read(data)
    except wire.Unreadable as problem:
        in_chunks = "HTTP_TRANSFER_ENCODING" in request.environ  # a broken one ends the body, and nobody says so
        raise Refusal("invalid_json", _NO_CHUNK if in_chunks and not data else f"{problem}{_hint(data)}") from None
    if not isinstance(body, dict):
        raise Refusal("invalid_json", f"The body must be a JSON object.{_INSTEAD.get(type(body), '')}")
    return body


def _hint(data: bytes) -> str:
    """What a body that can't be read looks like, by its beginning."""
    beginning = data[:1000]
    return next((hint for looks, hint in _LOOKS_LIKE if looks.match(beginning)), "")


def _bytes(request: Request, limit: int) -> bytes:
    """The body as sent."""
    announced = request.environ.get("CONTENT_LENGTH", "")
    if not announced.isdecimal() or "HTTP_TRANSFER_ENCODING" in request.environ:
        return _streamed(request, limit)
    length = int(announced[:16])
    if length > limit:
        raise _too_large(limit)
    # Not through request.stream: it asks at least twice, and under load each time the interpreter must be won back.
    source = request.environ["wsgi.input"]
    data: bytes = source.read(length)
    while len(data) < length:
        more = source.read(length - len(data))
        if not more:
            raise Refusal("invalid_json", "The body is shorter than its Content-Length.")
        data += more
    return data


def _streamed(request: Request, limit: int) -> bytes:
    """A body of unannounced length. One byte too many is read: it is silently cut at werkzeug's own limit."""
    request.max_content_length = limit + 1
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _is_packed(request: Request) -> bool:
    """Whether the body is gzip.

    :raises Refusal: 415 when it is neither plain nor gzip, or not JSON. Without a type it is taken for JSON.
    """
    if request.environ.get("CONTENT_TYPE") == "application/json" and "HTTP_CONTENT_ENCODING" not in request.environ:
        return False
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        more = _NO_FORM if kind == "application/x-www-form-urlencoded" else ""
        raise Refusal("unsupported_media_type", f"The Content-Type must be application/json.{more}")
    packed = _PACKINGS.get(request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower())
    if packed is None:
        raise Refusal("unsupported_media_type", "The Content-Encoding must be gzip, or none.")
    return packed


def _unpack(data: bytes, limit: int) -> bytes:
    """Unpacks no further than one byte beyond the limit, however much the body would become."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise Refusal("invalid_json", "The body is not valid gzip, though its Content-Encoding says so.") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise Refusal("invalid_json", "The gzip body is truncated, or has data after its end.")
    return plain


def _too_large(limit: int) -> Refusal:
    return Refusal("too_large", f"The body is larger than {limit:,} bytes. Send less at once.", limit=limit)
