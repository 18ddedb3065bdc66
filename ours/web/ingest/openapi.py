"""Makes the OpenAPI document of the ingest API from the schemas that validate and the codes that answer."""

from functools import cache
from typing import Any

from marshmallow import Schema

from ours.web.ingest import examples
from ours.web.ingest.answer_shapes import ANSWERS, HEADERS, RATE_HEADERS, SENT_WITH
from ours.web.ingest.answers import PROBLEMS
from ours.web.ingest.fields import Properties
from ours.web.ingest.schemas import BATCH_BODY, BATCH_ROW, IDENTIFY_BODY, TRACK_BODY
from ours.web.ingest.shapes import Shape, component, of_catalogue, of_schema, reference

_BODIES: dict[str, Schema] = {"track": TRACK_BODY, "identify": IDENTIFY_BODY, "batch": BATCH_BODY, "row": BATCH_ROW}
_DOORS: dict[str, tuple[str, dict[str, Any]]] = {
    "track": ("Take one event.", examples.TRACK),
    "identify": ("Create or update a visitor. No event fires.", examples.IDENTIFY),
    "batch": ("Take many events. One row's fault spoils no other.", examples.BATCH),
}
_KEYS: Shape = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The source's key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The source's key."},
}
_STATUSES = sorted({problem.status for code, problem in PROBLEMS.items() if code != "not_found"})


@cache
def document(body_bytes: int, batch_bytes: int, batch_rows: int) -> Shape:
    """The document for an installation with these limits. It is made once: don't change it."""
    about = (
        f"What backends send. A body may have {body_bytes:,} bytes, a batch {batch_bytes:,} bytes and {batch_rows:,}"
        " rows. The key goes into `token`, or is a bearer token, or `X-API-Key`. gzip is taken. Whom an event is about"
        " is named by at least one of `userId`, `externalId` and `email`, or by `email`, `external_id` or"
        " `phone_number` in `userProperties`; the first that is known finds the visitor."
    )
    schemas = _schemas()
    schemas["Batch"]["properties"]["events"]["maxItems"] = batch_rows
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ours", "version": "1.0.0", "description": about},
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": "Ingest"}],
        "security": [{}, *({name: []} for name in _KEYS)],
        "paths": {f"/{name}": {"post": _operation(name)} for name in _DOORS} | {"/openapi": {"get": _itself()}},
        "components": {
            "schemas": schemas,
            "responses": {f"Error{status}": _refused(status) for status in _STATUSES},
            "headers": HEADERS,
            "securitySchemes": _KEYS,
        },
    }


def _operation(name: str) -> Shape:
    summary, bodies = _DOORS[name]
    shown = {title: {"value": body} for title, body in bodies.items()}
    responses = {"200": _taken(name, "Taken, and durable.", examples.TAKEN[name])}
    if name == "batch":
        responses["207"] = _taken(name, "Some rows, or all of them, were not taken.", examples.PARTLY_TAKEN)
    return {
        "operationId": name,
        "tags": ["Ingest"],
        "summary": summary,
        "requestBody": {"required": True, "content": _json(reference(name), shown)},
        "responses": responses | {str(code): {"$ref": f"#/components/responses/Error{code}"} for code in _STATUSES},
    }


def _itself() -> Shape:
    taken = {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "operationId": "openapi",
        "tags": ["Ingest"],
        "summary": "This document.",
        "security": [],
        "responses": {"200": taken},
    }


def _taken(name: str, description: str, example: Any) -> Shape:
    shown = {name: {"value": example}}
    return {
        "description": description,
        "headers": _headers(("X-Request-Id", *RATE_HEADERS)),
        "content": _json(reference(f"{name}Answer"), shown),
    }


def _refused(status: int) -> Shape:
    problems = {code: problem for code, problem in PROBLEMS.items() if problem.status == status}
    shown = {
        code: {"summary": problem.remedy, "value": {"success": False, "error": problem.meaning, "code": code}}
        for code, problem in problems.items()
    }
    return {
        "description": " ".join(f"`{code}`: {problem.meaning}" for code, problem in problems.items()),
        "headers": _headers(("X-Request-Id", *SENT_WITH.get(status, ()))),
        "content": _json(reference("error"), shown),
    }


def _headers(names: tuple[str, ...]) -> Shape:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _json(schema: Shape, shown: Shape) -> Shape:
    return {"application/json": {"schema": schema, "examples": shown}}


def _schemas() -> Shape:
    bodies = {component(name): of_schema(schema) for name, schema in _BODIES.items()}
    groups = {
        component(field.data_key or ""): of_catalogue(field.catalogue)
        for field in TRACK_BODY.fields.values()
        if isinstance(field, Properties)
    }
    return bodies | groups | ANSWERS
