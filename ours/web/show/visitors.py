"""Visitors: find one, see what is known of them and what they did, export it, forget them.

What names a person is posted and hashed at once: it stands in no address, no title and no log.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ours.core.piecewise import pieces
from ours.errors import Invalid
from ours.services.overview import Filters, read_cursor
from ours.services.visitors import KINDS, Found
from ours.web.current import ours
from ours.web.show.door import page, person

_ROWS = 25
_MOST = 100
"""So many of whom a visitor was are listed; the export has all."""


@page("/visitors", "viewer", ["GET", "POST"])
def visitors() -> ResponseReturnValue:
    """Straight to the one who was found; the choice, when there are several."""
    if request.method == "GET":
        return _search()
    kind = request.form.get("kind") or None
    try:
        found = ours().visitors.find(request.form.get("identifier", ""), kind, actor=person().actor)
    except Invalid as error:
        return _search(errors=error.errors), 400
    if len(found) == 1:
        return redirect(url_for("show.visitor", visitor_id=found[0].id))
    return _search(found)


def _search(found: Sequence[Found] | None = None, errors: Mapping[str, Sequence[str]] | None = None) -> str:
    return render_template("visitors/visitors.html", kinds=KINDS, found=found, errors=errors or {})


@page("/visitors/<visitor_id>", "viewer")
def visitor(visitor_id: str) -> str:
    found = ours().visitors.show(visitor_id, actor=person().actor)
    cursor = read_cursor(request.args.get("after"), newer=True) or read_cursor(request.args.get("before"))
    rows = ours().overview.recent_events(Filters(visitors=(found.id,)), cursor, _ROWS)
    identifiers = found.identifiers
    if len(identifiers) > _MOST:
        identifiers = sorted(identifiers, key=lambda one: one.value is None)[:_MOST]
    return render_template(
        "visitors/visitor.html", visitor=found, page=rows, identifiers=identifiers, merged=found.merged[:_MOST],
        left_out=(len(found.identifiers) - len(identifiers), max(len(found.merged) - _MOST, 0)),
    )  # fmt: skip


@page("/visitors/<visitor_id>/export", "admin", ["POST"])
def export_visitor(visitor_id: str) -> Response:
    """In one piece: of an answer in pieces that breaks off, granian makes one that looks whole."""
    document = ours().visitors.export_in_one_piece(visitor_id, _written, actor=person().actor)
    response = Response(document, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="visitor-{visitor_id[:8]}.json"'
    return response


def _written(document: Mapping[str, Any]) -> Iterator[str]:
    return pieces(document, lambda one: orjson.dumps(one, option=orjson.OPT_INDENT_2).decode())


@page("/visitors/<visitor_id>/forget", "admin", ["GET", "POST"])
def forget_visitor(visitor_id: str) -> ResponseReturnValue:
    """First what it will do; then, posted, do it and lead to the receipt."""
    me = person().actor
    if request.method == "GET":
        return render_template("visitors/forget.html", visitor=ours().visitors.show(visitor_id, actor=me))
    receipt = ours().visitors.forget(visitor_id, actor=me)
    if not receipt.scrubbed:
        flash(
            "SQLite's write-ahead log was in use and could not be emptied just now. It will be within minutes.",
            "warn",
        )
    return redirect(url_for("show.receipt", entry_id=receipt.id))


@page("/visitors/receipts/<entry_id>", "viewer")
def receipt(entry_id: str) -> str:
    return render_template("visitors/receipt.html", receipt=ours().visitors.receipt(entry_id, actor=person().actor))
