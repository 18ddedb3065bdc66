"""The answers of the ingest API as JSON Schema, and which headers go with them.

A client that is made of it today has to read what a later version adds: that there may be more fields is said, codes
are text, with those that there are named beside it, and each answer is one plain object.
"""

from collections.abc import Iterable
from typing import Any

from ours.core.notices import WARNINGS
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS

Shape = dict[str, Any]

_TEXT: Shape = {"type": "string"}
_COUNT: Shape = {"type": "integer", "minimum": 0}
_WARNINGS: Shape = {"type": "array", "items": {"$ref": "#/components/schemas/Warning"}}
_ERRORS: Shape = {
    "type": "object",
    "description": "What is wrong, by the dotted path of the field.",
    "additionalProperties": {"type": "array", "items": _TEXT},
}
_EVENT: Shape = {"eventId": _TEXT, "distinctId": _TEXT}
_YES_OR_NO: Shape = {"type": "boolean"}


def _one_of(codes: Iterable[str]) -> Shape:
    return {**_TEXT, "x-extensible-enum": [*codes]}


def _told(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _object(properties: Shape, *optional: str) -> Shape:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": True,
    }


_TAKEN: Shape = {**_EVENT, "duplicate": _YES_OR_NO, "warnings": _WARNINGS}
_REFUSED: Shape = {"code": _one_of(ROW_PROBLEMS), "message": _TEXT, "errors": _ERRORS}

ANSWERS: dict[str, Shape] = {
    "TrackAnswer": _object(
        {"success": _YES_OR_NO, **_EVENT, "duplicate": _YES_OR_NO, "warnings": _WARNINGS}, "duplicate", "warnings"
    ),
    "IdentifyAnswer": _object({"success": _YES_OR_NO, "warnings": _WARNINGS}, "warnings"),
    "BatchAnswer": _object(
        {
            "success": {**_YES_OR_NO, "description": "Whether at least one row was taken."},
            "accepted": _COUNT,
            "failed": _COUNT,
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/RowAnswer"}},
            "warnings": _WARNINGS,
        },
        "warnings",
    ),
    "RowAnswer": {
        **_object({"index": _COUNT, "success": _YES_OR_NO, **_TAKEN, **_REFUSED}, *_TAKEN, *_REFUSED),
        "description": f"A row that was taken has {_told(_TAKEN)}; another has {_told(_REFUSED)}, the last where fields"
        " are wrong.",
    },
    "Warning": _object({"field": _TEXT, "code": _one_of(WARNINGS), "message": _TEXT}),
    "Error": {
        **_object(
            {
                "success": _YES_OR_NO,
                "error": {**_TEXT, "description": "One plain sentence."},
                "code": _one_of(PROBLEMS),
                "errors": _ERRORS,
                "limit": {**_COUNT, "description": "The limit that was exceeded: bytes or rows."},
            },
            "errors",
            "limit",
        ),
        "description": "A batch that could not be stored carries `accepted`, `failed` and `results`, too.",
    },
}

HEADERS: dict[str, Shape] = {
    "X-Request-Id": {
        "description": "What this request is called in the server's log: as it was sent, or made.",
        "schema": _TEXT,
    },
    "X-RateLimit-Limit": {"description": "Requests a second that the source may send.", "schema": _COUNT},
    "X-RateLimit-Remaining": {"description": "Requests that are left now.", "schema": _COUNT},
    "X-RateLimit-Reset": {"description": "Seconds until all of them are there again.", "schema": _COUNT},
    "Retry-After": {"description": "Seconds to wait before sending again.", "schema": _COUNT},
    "Allow": {"description": "The methods that are answered.", "schema": _TEXT},
    "WWW-Authenticate": {"description": "How a key is sent.", "schema": _TEXT},
}
RATE_HEADERS = tuple(name for name in HEADERS if name.startswith("X-RateLimit-"))
SENT_WITH = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After", *RATE_HEADERS),
    503: ("Retry-After",),
}
