"""What is kept of a try. Test mode keeps the exact request; live mode keeps it without credentials and cut to size.

Of a request that carried many events, each keeps its own part, and how many there were.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from requests import PreparedRequest, Response

from ours.core.answer import Answer
from ours.core.headers import plain
from ours.core.mapping import context_of
from ours.core.redact import Masker, mask_url, told_of
from ours.services.deliver.tries import Parcel, Try

_KEPT = 16 * 1024
_KEPT_EXACT = 1024 * 1024
_KEPT_OF_ALL = 2 * 1024
"""So much of the answer to many is kept with each of them: of its body, and of its headers."""
_KEPT_OF_WORDS = 2_000
"""Characters of what the plugin says of an answer: it may be the vendor's whole answer."""


class Kept(NamedTuple):
    """What the tries of a parcel share of what is kept of them. ``total_ms``: None when nothing was sent."""

    masker: Masker
    request: dict[str, Any] | None
    response: dict[str, Any] | None
    items: int
    status: int | None
    connect_ms: int
    total_ms: int | None

    @classmethod
    def of(cls, parcel: Parcel, answer: Answer | None) -> "Kept":
        masker, items = parcel.target.masker, len(parcel.tries)
        response = answer.response if answer else None
        return cls(
            masker,
            _request(parcel.request, masker, exact=not parcel.tries[0].live, body=items == 1)
            if parcel.request
            else None,
            None if response is None else _response(response, masker, _KEPT if items == 1 else _KEPT_OF_ALL),
            items,
            None if response is None else response.status_code,
            answer.timing.connect_ms if answer else 0,
            answer.timing.total_ms if answer else None,
        )

    def exchange(self, one: Try, message: str, took: int) -> dict[str, Any]:
        request = self.request
        if request and self.items > 1:
            request = request | {"body": self.masker.beginning(_text(one.body), _KEPT), "together": self.items}
        queued = max(one.started_at - one.letter.claimed.created_at, 0)
        timing = {"queue_ms": queued, "build_ms": one.build_ms, "connect_ms": self.connect_ms, "total_ms": took}
        words = _text(message.encode(errors="replace"))  # JSON has a way to write what is no text
        kept = exchange(request, self.response, self.masker.beginning(words, _KEPT_OF_WORDS), timing)
        return kept | ({"person": person} if (person := _person(one)) else {})


def exchange(
    request: Mapping[str, Any] | None, response: Mapping[str, Any] | None, message: str, timing: Mapping[str, int]
) -> dict[str, Any]:
    return {"request": request, "response": response, "message": message, "timing": timing}


def _person(one: Try) -> dict[str, list[str]]:
    """By what the visitor is known in this exchange: a later one may know them by another name."""
    if not one.target.told:
        return {}
    context = context_of(one.letter.event, one.letter.visitor)
    return told_of({name: path.take(context) for name, path in one.target.told.items()})


def _request(request: PreparedRequest, masker: Masker, *, exact: bool, body: bool) -> dict[str, Any]:
    headers = plain(request.headers)
    text = _text(request.body) if body else ""
    if exact:
        return {"method": request.method, "url": request.url, "headers": headers, "body": text[:_KEPT_EXACT]}
    shown, (url, kept) = masker.message(headers, mask_url(request.url or ""), _cut(text, masker, _KEPT))
    return {"method": request.method, "url": url, "headers": shown, "body": kept}


def _response(response: Response, masker: Masker, most: int) -> dict[str, Any]:
    given = _fitting(plain(response.headers), most)
    headers, (body,) = masker.message(given, _cut(_text(response.content), masker, most))
    return {"status": response.status_code, "headers": headers, "body": body}


def _cut(text: str, masker: Masker, most: int) -> str:
    return text if len(text) <= most else masker.beginning(text, most)


def _fitting(headers: Mapping[str, str], most: int) -> dict[str, str]:
    """Those that fit into ``most`` characters; a longer one is left out whole, for its end may be a secret's half."""
    kept = {}
    for name, value in headers.items():
        if len(name) + len(value) <= most:
            kept[name] = value
            most -= len(name) + len(value)
    return kept


def _text(body: object) -> str:
    if isinstance(body, bytes):
        return body.decode("utf-8", "replace")
    return body if isinstance(body, str) else ""
