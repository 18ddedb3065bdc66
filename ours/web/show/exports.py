"""Recent Events as a file: what the page shows, in the same order, under the same filters."""

import csv
import io
import re
from collections.abc import Iterator

import orjson
from flask import Response

from ours.errors import Invalid
from ours.services.overview import Row
from ours.web.current import ours
from ours.web.show.door import page
from ours.web.show.event_filters import asked

MOST = 10_000
_COLUMNS = ("id", "occurredAt", "receivedAt", "event", "mode", "source", "visitor", "dispatches")
_FORMULA = re.compile(r"(\A|[;\r\n])(?=\s*[=+\-@＝＋－＠]|[\t\r])")


@page("/events.csv", "viewer")
def events_csv() -> Response:
    return _file(_csv(_rows()), "text/csv; charset=utf-8", "events.csv")


@page("/events.json", "viewer")
def events_json() -> Response:
    return _file(orjson.dumps([row.document for row in _rows()]), "application/json", "events.json")


def _rows() -> Iterator[Row]:
    """:raises Invalid: for a filter that means nothing: a file has no place to say that it has more."""
    wanted = asked()
    if wanted.unmeant:
        raise Invalid(f"“{next(iter(wanted.unmeant))}” has a value without meaning here, so no file was made.")
    return ours().overview.all_events(wanted.filters, MOST)


def _file(data: bytes, kind: str, name: str) -> Response:
    return Response(data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _csv(rows: Iterator[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in rows:
        plain = row.document | {"dispatches": "; ".join(f"{mark.destination}: {mark.state}" for mark in row.dispatches)}
        writer.writerow([_harmless(plain[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _harmless(value: str | None) -> str:
    """A spreadsheet runs what begins like a formula, and an event's name is the caller's.

    Where commas stand in numbers, it is a semicolon or the end of a line that begins a cell, quoted or not.
    """
    return _FORMULA.sub(r"\1'", value or "")
