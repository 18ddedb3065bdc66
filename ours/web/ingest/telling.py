"""Tells our log, and the source's page, what was refused: whoever is asked about an answer finds why it was given."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import request

from ours import log
from ours.services.accept import Why
from ours.web import request_id

if TYPE_CHECKING:
    from ours.web.ingest.answers import Refusal

SOURCE = "ours.source"
"""Where the environment of a request has the number of its source, once that is known."""
_logger = log.get("web.ingest")
_seldom = log.Seldom(most=20)


def refused(refusal: "Refusal", name: str | None = None, source: int | None = None) -> None:
    """``name``: what the request is called; None: it is the one at hand."""
    if name is None:
        name, source = request_id.of(request.environ), request.environ.get(SOURCE)
    fields = _fields(refusal.errors or ())
    _say(source, request=name, status=refusal.status, code=refusal.code, **({"fields": fields} if fields else {}))


def why(code: str, errors: Iterable[str] | None) -> Why:
    """Of the request at hand, or of one of its rows; ``errors`` are the paths of what is wrong."""
    return Why(code, " ".join(_fields(errors or ())), request_id.of(request.environ))


def rows_refused(source: int, rows: int) -> None:
    """Some of a batch were."""
    _say(source, request=request_id.of(request.environ), status=207, code="invalid_event", rows=rows)


def _fields(errors: Iterable[str]) -> list[str]:
    """The names that are ours: what stands below, a caller may choose."""
    return sorted({path.partition(".")[0] for path in errors})


def _say(source: int | None, **what: Any) -> None:
    """Each source, and whoever has no key, has lines of its own: a flood hides no other's."""
    if times := _seldom.times(str(source)):
        _logger.info("refused", source=source, **what, times=times)
